//! A model provider on loopback that says what a test tells it to. It speaks the dialect of the
//! path that is asked for, records every request, counts tokens with its own call of the tokenizer,
//! and fails in every way that a server can. Nothing sleeps: a stall lasts until the provider is
//! dropped.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "unit and integration tests share this file, and neither uses all"
)]

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

/// A running provider. Dropping it ends all stalls and its thread.
pub struct Provider {
    address: SocketAddr,
    state: Arc<State>,
    acceptor: Option<JoinHandle<()>>,
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// Tokens of all messages and of the schema, as this side counts them.
    pub tokens: u64,
}

/// What to do with one request.
#[derive(Clone, Debug)]
pub struct Reply {
    act: Act,
    figures: Figures,
}

#[derive(Clone, Debug)]
enum Act {
    /// The model says this, and stops for the reason given in OpenAI's words.
    Say { text: String, finish: &'static str },
    /// The model declines.
    Refuse,
    /// A response with any status.
    Respond { status: u16, headers: Vec<(String, String)>, body: String },
    /// Headers promise `length` bytes; these are sent, and the connection is closed.
    Promise { length: usize, body: String },
    /// Bytes instead of a response.
    Raw(Vec<u8>),
    /// Nothing until the provider is dropped.
    StallBeforeHeaders,
    /// Half of a valid response, and nothing until the provider is dropped.
    StallInBody,
    /// A body that grows by a byte every few milliseconds until the provider is dropped.
    Drip,
}

/// The usage that is reported.
#[derive(Clone, Debug)]
enum Figures {
    Counted,
    Exactly { input: u64, output: u64 },
    Absent,
}

impl Reply {
    fn act(act: Act) -> Self {
        Self { act, figures: Figures::Counted }
    }

    /// The model finds nothing.
    pub fn nothing() -> Self {
        Self::findings(&[])
    }

    /// The model reports findings; see [`finding`].
    pub fn findings(findings: &[Value]) -> Self {
        Self::text(json!({ "findings": findings }).to_string())
    }

    /// The model says anything.
    pub fn text(text: impl Into<String>) -> Self {
        Self::act(Act::Say { text: text.into(), finish: "stop" })
    }

    /// The model says this and then reaches its most output tokens.
    pub fn cut_off(text: impl Into<String>) -> Self {
        Self::act(Act::Say { text: text.into(), finish: "length" })
    }

    /// The model declines to answer.
    pub fn refusal() -> Self {
        Self::act(Act::Refuse)
    }

    /// A response with a status and a body.
    pub fn status(status: u16, body: impl Into<String>) -> Self {
        Self::act(Act::Respond { status, headers: Vec::new(), body: body.into() })
    }

    /// A redirect.
    pub fn redirect(location: &str) -> Self {
        Self::status(307, "").header("location", location)
    }

    /// A success whose body ends before its announced length.
    pub fn truncated() -> Self {
        Self::act(Act::Promise { length: 10_000, body: "{\"choices\":[".to_owned() })
    }

    /// A success whose announced length is shorter than its body.
    pub fn wrong_length() -> Self {
        Self::act(Act::Promise { length: 7, body: "{\"choices\":[]}".to_owned() })
    }

    /// A success whose body is white space of this many bytes.
    pub fn huge(bytes: usize) -> Self {
        Self::status(200, " ".repeat(bytes))
    }

    /// The connection is closed once the request was read.
    pub fn close() -> Self {
        Self::raw("")
    }

    /// Bytes in the place of a response.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::act(Act::Raw(bytes.into()))
    }

    /// No byte until the provider is dropped.
    pub fn stall() -> Self {
        Self::act(Act::StallBeforeHeaders)
    }

    /// Half a response, and no further byte until the provider is dropped.
    pub fn stall_in_body() -> Self {
        Self::act(Act::StallInBody)
    }

    /// A body that never stops growing, slowly.
    pub fn drip() -> Self {
        Self::act(Act::Drip)
    }

    /// Adds a header to a [`status`](Self::status).
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Act::Respond { headers, .. } = &mut self.act {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Reports these figures rather than the counted ones.
    pub fn usage(mut self, input: u64, output: u64) -> Self {
        self.figures = Figures::Exactly { input, output };
        self
    }

    /// Reports no usage.
    pub fn without_usage(mut self) -> Self {
        self.figures = Figures::Absent;
        self
    }
}

/// A valid finding on a place that was sent, `block:line`, quoting that line.
pub fn finding(loc: &str, quote: &str) -> Value {
    json!({
        "loc": loc, "quote": quote, "why": "an empty list makes this panic",
        "cat": "bug", "sev": "high", "conf": "high",
    })
}

impl Received {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The code that is asked about: the user's message.
    pub fn code(&self) -> String {
        let body = self.json();
        let messages = body["messages"].as_array().cloned().unwrap_or_default();
        let user = messages.iter().find(|message| message["role"] == "user");
        user.and_then(|message| message["content"].as_str()).unwrap_or_default().to_owned()
    }

    /// The schema, where the request's dialect puts it.
    pub fn schema(&self) -> Value {
        let body = self.json();
        match self.wire() {
            Wire::Openai => body["response_format"]["json_schema"]["schema"].clone(),
            Wire::Anthropic => body["output_config"]["format"]["schema"].clone(),
            Wire::Ollama => body["format"].clone(),
        }
    }

    fn wire(&self) -> Wire {
        if self.path.ends_with("/api/chat") {
            Wire::Ollama
        } else if self.path.ends_with("/messages") {
            Wire::Anthropic
        } else {
            Wire::Openai
        }
    }

    fn count(&self) -> u64 {
        let body = self.json();
        let messages = body["messages"].as_array().cloned().unwrap_or_default();
        let contents = messages
            .iter()
            .chain([&body["system"]])
            .map(|message| message.as_str().or(message["content"].as_str()).unwrap_or_default().to_owned());
        contents.chain([self.schema().to_string()]).map(|text| count(&text)).sum()
    }
}

fn count(text: &str) -> u64 {
    tiktoken_rs::o200k_base_singleton().count_ordinary(text) as u64
}

#[derive(Clone, Copy)]
enum Wire {
    Openai,
    Anthropic,
    Ollama,
}

impl Wire {
    /// The body of a success.
    fn say(self, text: &str, finish: &str, usage: Option<(u64, u64)>) -> Value {
        let refused = finish == "refusal";
        match self {
            Self::Openai => {
                let message = if refused {
                    json!({"role": "assistant", "content": null, "refusal": text})
                } else {
                    json!({"role": "assistant", "content": text, "refusal": null})
                };
                let mut body = json!({
                    "id": "chatcmpl-1", "object": "chat.completion", "model": "scripted",
                    "choices": [{
                        "index": 0, "message": message,
                        "finish_reason": if refused { "stop" } else { finish },
                    }],
                });
                if let Some((input, output)) = usage {
                    body["usage"] = json!({
                        "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
                        "prompt_tokens_details": {"cached_tokens": input / 4},
                        "completion_tokens_details": {"reasoning_tokens": 0},
                    });
                }
                body
            }
            Self::Anthropic => {
                let stop = match finish {
                    "stop" => "end_turn",
                    "length" => "max_tokens",
                    other => other,
                };
                let mut body = json!({
                    "id": "msg_1", "type": "message", "role": "assistant", "model": "scripted",
                    "content": [{"type": "text", "text": text}], "stop_reason": stop, "stop_sequence": null,
                });
                if let Some((input, output)) = usage {
                    let (read, written) = (input / 4, input / 8);
                    body["usage"] = json!({
                        "input_tokens": input - read - written,
                        "cache_creation_input_tokens": written, "cache_read_input_tokens": read,
                        "output_tokens": output,
                    });
                }
                body
            }
            Self::Ollama => {
                let mut body = json!({
                    "model": "scripted", "created_at": "2026-01-01T00:00:00Z",
                    "message": {"role": "assistant", "content": text}, "done": true, "done_reason": finish,
                    "total_duration": 1, "eval_duration": 1,
                });
                if let Some((input, output)) = usage {
                    body["prompt_eval_count"] = input.into();
                    body["eval_count"] = output.into();
                }
                body
            }
        }
    }
}

type Script = Box<dyn FnMut(&Received) -> Reply + Send>;

struct State {
    script: Mutex<Script>,
    received: Mutex<Vec<Received>>,
    served: Mutex<u64>,
    stopped: Mutex<bool>,
    stop: Condvar,
}

/// A panic in one test's thread must not hide behind a poisoned lock in another's.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn is_stopped(&self) -> bool {
        *lock(&self.stopped)
    }

    fn wait_until_stopped(&self) {
        let stopped = lock(&self.stopped);
        drop(self.stop.wait_while(stopped, |stopped| !*stopped));
    }

    /// Whether it was stopped within a few milliseconds.
    fn wait_briefly(&self) -> bool {
        let stopped = lock(&self.stopped);
        let waited = self.stop.wait_timeout_while(stopped, Duration::from_millis(5), |stopped| !*stopped);
        waited.is_ok_and(|(stopped, _)| *stopped)
    }
}

impl Provider {
    /// Gives these replies in order, and status 500 when they are used up.
    pub fn scripted(replies: impl IntoIterator<Item = Reply>) -> Self {
        let mut replies: VecDeque<_> = replies.into_iter().collect();
        Self::answering(move |_| {
            replies.pop_front().unwrap_or_else(|| Reply::status(500, "the script is used up"))
        })
    }

    /// Gives the same reply always.
    pub fn always(reply: Reply) -> Self {
        Self::answering(move |_| reply.clone())
    }

    /// Decides by the request.
    pub fn answering(script: impl FnMut(&Received) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on loopback");
        let address = listener.local_addr().expect("a bound listener has an address");
        let state = Arc::new(State {
            script: Mutex::new(Box::new(script)),
            received: Mutex::default(),
            served: Mutex::default(),
            stopped: Mutex::default(),
            stop: Condvar::new(),
        });
        let shared = Arc::clone(&state);
        let acceptor = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.is_stopped() {
                    return;
                }
                let state = Arc::clone(&shared);
                // A client that goes away is no fault of the test.
                thread::spawn(move || drop(serve(&stream, &state)));
            }
        });
        Self { address, state, acceptor: Some(acceptor) }
    }

    /// `http://127.0.0.1:port`, the base of all three dialects.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Received> {
        lock(&self.state.received).clone()
    }

    /// Tokens of all requests that were read and of all texts that a model said, as this side counts
    /// them: what a ledger has to have charged at least.
    pub fn served_tokens(&self) -> u64 {
        *lock(&self.state.served)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        *lock(&self.state.stopped) = true;
        self.state.stop.notify_all();
        // Wakes the acceptor; if that fails, it is gone already.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
    }
}

fn serve(stream: &TcpStream, state: &State) -> io::Result<()> {
    let received = receive(stream)?;
    let tokens = received.tokens;
    let wire = received.wire();
    let reply = (lock(&state.script))(&received);
    *lock(&state.served) += tokens;
    lock(&state.received).push(received);
    let success = |text: &str, finish| {
        let output = count(text);
        *lock(&state.served) += output;
        let usage = match reply.figures {
            Figures::Counted => Some((tokens, output)),
            Figures::Exactly { input, output } => Some((input, output)),
            Figures::Absent => None,
        };
        wire.say(text, finish, usage).to_string()
    };
    let mut stream = stream;
    match &reply.act {
        Act::Say { text, finish } => respond(stream, 200, &[], &success(text, finish))?,
        Act::Refuse => respond(stream, 200, &[], &success("I can't help with that.", "refusal"))?,
        Act::Respond { status, headers, body } => respond(stream, *status, headers, body)?,
        Act::Promise { length, body } => write!(stream, "{}{body}", head(200, &[], *length))?,
        Act::Raw(bytes) => stream.write_all(bytes)?,
        Act::StallBeforeHeaders => state.wait_until_stopped(),
        Act::StallInBody => {
            let body = success("{\"findings\":[]}", "stop");
            write!(stream, "{}{}", head(200, &[], body.len()), &body[..body.len() / 2])?;
            state.wait_until_stopped();
        }
        Act::Drip => {
            write!(stream, "{}", head(200, &[], 1 << 30))?;
            while !state.wait_briefly() {
                stream.write_all(b" ")?;
            }
        }
    }
    stream.shutdown(Shutdown::Write)
}

fn receive(stream: &TcpStream) -> io::Result<Received> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let mut received = Received { method, path, headers, body: String::new(), tokens: 0 };
    let length: u64 = received.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    reader.take(length).read_to_string(&mut received.body)?;
    received.tokens = received.count();
    Ok(received)
}

fn respond(mut stream: &TcpStream, status: u16, headers: &[(String, String)], body: &str) -> io::Result<()> {
    write!(stream, "{}{body}", head(status, headers, body.len()))
}

fn head(status: u16, headers: &[(String, String)], length: usize) -> String {
    let mut head = format!("HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head + &format!("content-length: {length}\r\nconnection: close\r\n\r\n")
}
