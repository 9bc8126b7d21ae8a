"""Uses a running `soberano serve` as programs do, with the packages that their authors publish for other services: openai, anthropic,
huggingface_hub, ollama and litellm. Prints a line for each thing tried; the first that fails ends it.

    clients.py URL CHAT TOOLS EMBEDDING SPEECH RECORDING ADAPTED    the key is in the variable SOBERANO_KEY; ADAPTED is CHAT, the default model, with an adapter
"""

import json
import os
import sys

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # no connection but to the server
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

URL, CHAT, TOOLS, EMBEDDING, SPEECH, RECORDING, ADAPTED = sys.argv[1:]
KEY = os.environ["SOBERANO_KEY"]
ASK = [{"role": "user", "content": "Say one word about the sea."}]
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer", "minimum": 0, "maximum": 120}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather in a city.", "parameters": PARAMETERS}}


def check(what, ok, *shown):
    if not ok:
        sys.exit(f"FAILED: {what}: {shown}")
    print("ok", what, flush=True)


def person(text):
    value = json.loads(text)
    return set(value) == {"name", "age"} and isinstance(value["name"], str) and isinstance(value["age"], int)


def with_openai():
    import openai

    client = openai.OpenAI(base_url=URL + "/v1", api_key=KEY, max_retries=0)
    names = [m.id for m in client.models.list()]
    check("openai: models", CHAT in names and EMBEDDING in names and SPEECH in names, names)
    whole = client.chat.completions.create(model=CHAT, messages=ASK, max_tokens=8, temperature=0, logprobs=True, top_logprobs=2)
    text = whole.choices[0].message.content
    check("openai: chat", text and whole.usage.completion_tokens <= 8 and len(whole.choices[0].logprobs.content[0].top_logprobs) == 2, whole)
    adapted = client.chat.completions.create(model=ADAPTED, messages=ASK, max_tokens=8, temperature=0)
    check("openai: adapter", adapted.model == ADAPTED and adapted.choices[0].message.content != text, adapted, text)
    none = client.chat.completions.create(model=ADAPTED, messages=ASK, max_tokens=8, temperature=0, extra_body={"lora": [{"id": 0, "scale": 0}], "propose": "off"})
    check("openai: scale of an adapter", none.choices[0].message.content == text, none, text)
    parts, usage = "", None
    for chunk in client.chat.completions.create(model=CHAT, messages=ASK, max_tokens=8, temperature=0, stream=True, stream_options={"include_usage": True}):
        usage = chunk.usage or usage
        parts += "".join(c.delta.content or "" for c in chunk.choices)
    check("openai: streamed chat", parts == text and usage.total_tokens == whole.usage.total_tokens, parts, text)
    many = client.chat.completions.create(model=CHAT, messages=ASK, max_tokens=4, n=3, seed=1, temperature=1, stop=["."])
    check("openai: n", len(many.choices) == 3, many)
    form = {"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": SCHEMA}}
    made = client.chat.completions.create(model=CHAT, messages=[{"role": "user", "content": "Invent a person."}], response_format=form, max_tokens=80, temperature=0)
    check("openai: schema", person(made.choices[0].message.content), made)
    called = client.chat.completions.create(model=TOOLS, messages=[{"role": "user", "content": "What is the weather in Bern? Use the tool."}], tools=[TOOL], max_tokens=30, temperature=0)
    answer = called.choices[0].message
    check("openai: tools", answer.content or answer.tool_calls[0].function.name == "weather", called)
    history = [
        ASK[0],
        {"role": "assistant", "content": None, "tool_calls": [{"id": "a", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern"}'}}]},
        {"role": "tool", "tool_call_id": "a", "content": "Rain"},
    ]
    after = client.chat.completions.create(model=TOOLS, messages=history + [answer.model_dump()] + ASK, tools=[TOOL], max_tokens=8)
    check("openai: results of tools", after.choices[0].finish_reason in ("stop", "length", "tool_calls"), after)
    check("openai: completions", client.completions.create(model=CHAT, prompt="One, two,", max_tokens=4, temperature=0).choices[0].text)
    floats = client.embeddings.create(model=EMBEDDING, input=["sea", "ocean"], encoding_format="float").data
    packed = client.embeddings.create(model=EMBEDDING, input="sea").data  # the package asks for base64
    near = sum(a * b for a, b in zip(floats[0].embedding, floats[1].embedding))
    check("openai: embeddings", near > 0.5 and abs(floats[0].embedding[5] - packed[0].embedding[5]) < 1e-4, near)
    with open(RECORDING, "rb") as f:
        heard = client.audio.transcriptions.create(model=SPEECH, file=f, response_format="verbose_json", timestamp_granularities=["word", "segment"])
    check("openai: transcription", heard.text and heard.words and heard.segments and heard.duration > 0, heard)
    with open(RECORDING, "rb") as f:
        check("openai: subtitles", "-->" in client.audio.transcriptions.create(model=SPEECH, file=f, response_format="srt"))
    response = client.responses.create(model=CHAT, input="Say one word.", max_output_tokens=8, temperature=0)
    check("openai: responses", response.output_text and response.usage.output_tokens <= 8, response)
    kinds, text = [], ""
    with client.responses.stream(model=CHAT, input="Say one word.", max_output_tokens=8, temperature=0) as events:
        for e in events:
            kinds.append(e.type)
            text += e.delta if e.type == "response.output_text.delta" else ""
    check("openai: streamed responses", kinds[0] == "response.created" and text == response.output_text, kinds, text)
    parsed = client.responses.create(model=CHAT, input="Invent a person.", text={"format": {"type": "json_schema", "name": "person", "schema": SCHEMA}}, max_output_tokens=80, temperature=0)
    check("openai: schema of responses", person(parsed.output_text), parsed)
    for wrong, kind in ((dict(model="none", messages=ASK), openai.NotFoundError), (dict(model=CHAT, messages=ASK, n=99), openai.BadRequestError), (dict(model=CHAT, messages=ASK, extra_body={"draft_model": TOOLS}), openai.BadRequestError)):
        try:
            client.chat.completions.create(**wrong)
            check("openai: refusal", False, wrong)
        except kind:
            check(f"openai: {kind.__name__}", True)
    try:
        openai.OpenAI(base_url=URL + "/v1", api_key="wrong", max_retries=0).models.list()
        check("openai: wrong key", False)
    except openai.AuthenticationError:
        check("openai: AuthenticationError", True)


def with_anthropic():
    import anthropic

    client = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0)
    whole = client.messages.create(model=CHAT, max_tokens=8, system="Be brief.", messages=ASK, extra_body={"temperature": 0})
    check("anthropic: messages", whole.content[0].text and whole.usage.output_tokens <= 8 and whole.stop_reason in ("end_turn", "max_tokens"), whole)
    adapted = client.messages.create(model=ADAPTED, max_tokens=8, system="Be brief.", messages=ASK, extra_body={"temperature": 0})
    check("anthropic: adapter", adapted.content[0].text != whole.content[0].text, adapted, whole)
    with client.messages.stream(model=CHAT, max_tokens=8, system="Be brief.", messages=ASK, extra_body={"temperature": 0}) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    check("anthropic: streamed messages", text == whole.content[0].text and final.usage.output_tokens == whole.usage.output_tokens, text, whole)
    tool = {"name": "weather", "description": "The weather in a city.", "input_schema": PARAMETERS}
    history = ASK + [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "weather", "input": {"city": "Bern"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "Rain"}]},
    ]
    after = client.messages.create(model=TOOLS, max_tokens=8, messages=history, tools=[tool])
    check("anthropic: tools", after.stop_reason in ("end_turn", "max_tokens", "tool_use"), after)
    check("anthropic: count_tokens", client.messages.count_tokens(model=TOOLS, messages=ASK, tools=[tool]).input_tokens > 20)
    try:
        client.messages.create(model="none", max_tokens=1, messages=ASK)
        check("anthropic: refusal", False)
    except anthropic.NotFoundError:
        check("anthropic: NotFoundError", True)


def with_huggingface():
    from huggingface_hub import InferenceClient

    client = InferenceClient(base_url=URL, token=KEY)
    text = client.text_generation("One, two, three,", max_new_tokens=6)
    check("huggingface_hub: text_generation", text, text)
    adapted = client.text_generation("One, two, three,", max_new_tokens=6, adapter_id=ADAPTED)
    check("huggingface_hub: adapter", adapted != text, adapted, text)
    tokens = list(client.text_generation("One, two, three,", max_new_tokens=6, stream=True, details=True))
    check("huggingface_hub: streamed", "".join(t.token.text for t in tokens if not t.token.special) == text and tokens[-1].details.generated_tokens == 6, tokens)
    details = client.text_generation("One, two, three,", max_new_tokens=6, details=True, do_sample=True, seed=3, top_p=0.9, stop=["nine"])
    check("huggingface_hub: details", details.details.finish_reason in ("length", "eos_token", "stop_sequence") and details.details.tokens, details)
    made = client.text_generation("A person as JSON: ", max_new_tokens=80, grammar={"type": "json", "value": SCHEMA})
    check("huggingface_hub: schema", person(made), made)
    chat = InferenceClient(base_url=URL + "/v1", token=KEY).chat_completion(ASK, model=CHAT, max_tokens=8)
    check("huggingface_hub: chat_completion", chat.choices[0].message.content, chat)


def with_ollama():
    import ollama

    client = ollama.Client(host=URL, headers={"Authorization": "Bearer " + KEY})
    check("ollama: list", CHAT in [m.model for m in client.list().models])
    check("ollama: show", "completion" in client.show(CHAT).capabilities)
    whole = client.chat(CHAT, ASK, options={"temperature": 0, "num_predict": 8})
    parts = [p for p in client.chat(CHAT, ASK, options={"temperature": 0, "num_predict": 8}, stream=True)]
    check("ollama: chat", whole.message.content == "".join(p.message.content for p in parts) and parts[-1].done and whole.eval_count <= 8, whole, parts)
    adapted = client.chat(ADAPTED, ASK, options={"temperature": 0, "num_predict": 8})
    check("ollama: adapter", adapted.message.content != whole.message.content, adapted, whole)
    check("ollama: schema", person(client.chat(CHAT, [{"role": "user", "content": "Invent a person."}], format=SCHEMA, options={"num_predict": 80, "temperature": 0}).message.content))
    check("ollama: tools", client.chat(TOOLS, ASK, tools=[TOOL], options={"num_predict": 8}).done)
    check("ollama: generate", client.generate(CHAT, "Say one word.", options={"num_predict": 4}).response is not None)
    check("ollama: embed", len(client.embed(EMBEDDING, ["a", "b"]).embeddings) == 2)


def with_litellm():
    import litellm

    litellm.telemetry = False
    for provider, base in (("openai/", URL + "/v1"), ("anthropic/", URL)):
        whole = litellm.completion(model=provider + CHAT, messages=ASK, api_base=base, api_key=KEY, max_tokens=8, temperature=0)
        parts = litellm.completion(model=provider + CHAT, messages=ASK, api_base=base, api_key=KEY, max_tokens=8, temperature=0, stream=True)
        text = "".join(p.choices[0].delta.content or "" for p in parts)
        check("litellm: " + provider, text == whole.choices[0].message.content, text, whole)
    vectors = litellm.embedding(model="openai/" + EMBEDDING, input=["a"], api_base=URL + "/v1", api_key=KEY)
    check("litellm: embedding", len(vectors.data) == 1)


for run in (with_openai, with_anthropic, with_huggingface, with_ollama, with_litellm):
    run()
