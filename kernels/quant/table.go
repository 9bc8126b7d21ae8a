package quant

// formats is the table of block formats: adding one is a file and a line here.
var formats = map[Type]Format{}
