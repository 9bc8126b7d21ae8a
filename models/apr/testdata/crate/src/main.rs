// Reads an APR file with the crate apr-format and prints what it finds: a line for the metadata, a line for each tensor.
use apr_format::v2::AprV2Reader;

fn main() {
    let path = std::env::args().nth(1).expect("a file");
    let data = std::fs::read(path).expect("the file can be read");
    let r = AprV2Reader::from_bytes(&data).expect("an APR file");
    let m = r.metadata();
    println!("{}|{}|{:?}|{:?}|{}", m.model_type, m.name.clone().unwrap_or_default(), m.hidden_size, m.rope_theta, r.verify_alignment());
    for name in r.tensor_names() {
        let t = r.get_tensor(name).expect("in the index");
        let sum: u64 = r.get_tensor_data(name).expect("its bytes").iter().map(|b| *b as u64).sum();
        println!("{}|{}|{:?}|{}", name, t.dtype.name(), t.shape, sum);
    }
}
