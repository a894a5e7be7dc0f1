//! One POST under one deadline. Only this file knows reqwest.

pub(super) mod notice;

use std::io::Read;
use std::mem::ManuallyDrop;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant, SystemTime};

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Url, blocking, redirect, retry};

use super::dialect::{self, Finish};
use super::fault::{Broken, Fault, Unmade};
use super::prompt::Request;
use super::reply::{self, Reply};
use super::{Endpoint, EndpointError, gateway};
use crate::meter::Attribution;
use crate::meter::budget::{Charge, Dispatched};
use crate::meter::calendar::since_epoch;
use crate::payload::Payload;
use crate::tokens::{PicoUsd, Usage, UsageSource};

pub use super::fault::AskError;
use notice::Notice;

/// An endpoint that does not take a connection within this time is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Nor is one that takes more than this share of the time that is left, in percent: it has none to
/// answer. The connection has to fail before the request as a whole does, since only then is it known
/// that no byte of the request was sent.
const CONNECT_SHARE: u32 = 75;

/// Bytes of a reply that are read at the most: a thousand times what was asked for.
const BODY_LIMIT: usize = 1 << 20;

/// A server that reports fewer prompt tokens than this share of ours has not read the whole prompt.
/// Tokenizers differ by a quarter over source code; servers that cut a prompt keep half or less.
const READ_SHARE_PERCENT: u64 = 60;

/// A client for one endpoint, made once a run and only when something is to be sent: building one
/// takes 33 ms.
pub struct Client {
    /// Never dropped: that would wait for its thread, and thus for a name look-up that hangs. The
    /// process ends soon after the last request.
    inner: ManuallyDrop<blocking::Client>,
    /// How long it waits for a connection.
    patience: Duration,
}

impl Client {
    /// Without redirects, retries, cookies or decompression. The system's proxy settings apply,
    /// except to an endpoint on this machine. `left` is the time until the deadline.
    ///
    /// # Errors
    /// [`Reason::Unreachable`](crate::payload::route::Reason::Unreachable) where TLS cannot be set
    /// up.
    pub fn new(endpoint: &Endpoint, left: Duration) -> Result<Self, Box<AskError>> {
        let patience = CONNECT_TIMEOUT.min((left / 100).saturating_mul(CONNECT_SHARE));
        let mut builder = blocking::Client::builder()
            .user_agent(concat!("hookgate/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .connect_timeout(patience)
            // Each request brings its own.
            .timeout(None);
        if endpoint.is_local() {
            // Pinned, so that no resolver decides what this machine is.
            let loopback = [(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()];
            builder = builder.no_proxy().resolve_to_addrs("localhost", &loopback);
        }
        match builder.build() {
            Ok(client) => Ok(Self { inner: ManuallyDrop::new(client), patience }),
            Err(error) => Err(Fault(endpoint).unreachable(&unmade(&error))),
        }
    }

    /// Whether it gives up a connection that does not come before so much time has passed, so that it
    /// is not taken for a request that was sent.
    #[must_use]
    pub fn is_for(&self, left: Duration) -> bool {
        self.patience < left
    }

    /// Sends a request that was paid for, and validates the reply against the payload.
    ///
    /// # Errors
    /// See [`AskError`].
    pub fn ask(
        &self,
        request: &Request,
        payload: &Payload,
        endpoint: &Endpoint,
        permit: &Dispatched<'_>,
        deadline: Instant,
    ) -> Result<Reply, Box<AskError>> {
        self.exchange(request, payload, endpoint, permit.attribution(), deadline)
    }

    fn exchange(
        &self,
        request: &Request,
        payload: &Payload,
        endpoint: &Endpoint,
        attribution: &Attribution,
        deadline: Instant,
    ) -> Result<Reply, Box<AskError>> {
        let fault = Fault(endpoint);
        let response = self.post(request, endpoint, attribution, deadline)?;
        let said = gateway::cost(|name| response.headers().get(name)?.to_str().ok());
        let status = response.status();
        if !status.is_success() {
            let mut notice = notice(response, deadline);
            notice.usage = notice.usage.filter(|usage| reply::is_believed(usage, request));
            return Err(at_cost(fault.status(status.as_u16(), &notice), said, request));
        }
        let body = read(response, deadline).map_err(|broken| at_cost(fault.broken(broken), said, request))?;
        let cost = dialect::cost(&body).or(said);
        match validate(&body, request, payload, endpoint) {
            Ok(reply) => Ok(Reply { usage: Usage { reported_cost: cost, ..reply.usage }, ..reply }),
            Err(error) => Err(at_cost(error, cost, request)),
        }
    }

    fn post(
        &self,
        request: &Request,
        endpoint: &Endpoint,
        attribution: &Attribution,
        deadline: Instant,
    ) -> Result<blocking::Response, Box<AskError>> {
        let fault = Fault(endpoint);
        let forbidden = |error: EndpointError| fault.forbidden(&error.to_string());
        endpoint.check().map_err(forbidden)?;
        let url = Address::parse(&endpoint.base_url).map_err(forbidden)?.join(request.path);
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(fault.too_late());
        }
        // Set on the request, not on the client: only then does it bound the body as a whole.
        let mut post = self.inner.post(url).timeout(left).header(CONTENT_TYPE, "application/json");
        for (name, value) in endpoint.dialect.headers(endpoint.key.as_ref()) {
            let mut value = HeaderValue::try_from(value)
                .map_err(|_| fault.forbidden("its key cannot stand in a header"))?;
            value.set_sensitive(true);
            post = post.header(name, value);
        }
        for (name, value) in gateway::headers(endpoint, attribution) {
            post = post.header(name, value);
        }
        post.body(request.body.clone()).send().map_err(|error| {
            if error.is_connect() || error.is_builder() {
                fault.unreachable(&unmade(&error))
            } else if error.is_timeout() {
                fault.broken(Broken::Late)
            } else {
                fault.hung_up(&cause(&error))
            }
        })
    }
}

/// Asks servers on this machine what they are: without a key, through no proxy, along no redirect.
pub(super) struct Loopback {
    /// Never dropped, as [`Client`]'s.
    inner: ManuallyDrop<blocking::Client>,
}

impl Loopback {
    /// None where the system gives no HTTP client.
    pub(super) fn new() -> Option<Self> {
        let builder = blocking::Client::builder()
            .user_agent(concat!("hookgate/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .timeout(None);
        Some(Self { inner: ManuallyDrop::new(builder.build().ok()?) })
    }

    /// Status and JSON of a GET, or of a POST of `body`, to a port of 127.0.0.1; none where no JSON
    /// of a reasonable size comes before the deadline.
    pub(super) fn look(
        &self,
        port: u16,
        path: &str,
        body: Option<String>,
        deadline: Instant,
    ) -> Option<(u16, serde_json::Value)> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        let url = Url::parse(&format!("http://127.0.0.1:{port}{path}")).ok()?;
        let request = match body {
            Some(body) => self.inner.post(url).header(CONTENT_TYPE, "application/json").body(body),
            None => self.inner.get(url),
        };
        let response = request.timeout(left).send().ok()?;
        let status = response.status().as_u16();
        let body = read(response, deadline).ok()?;
        Some((status, serde_json::from_str(&body).ok()?))
    }
}

/// Reads the body of an answer, and validates it against the payload.
fn validate(
    body: &str,
    request: &Request,
    payload: &Payload,
    endpoint: &Endpoint,
) -> Result<Reply, Box<AskError>> {
    let fault = Fault(endpoint);
    let answer = endpoint.dialect.answer(body).map_err(|unreadable| fault.unreadable(&unreadable))?;
    let usage = reply::usage(&answer, request);
    if usage.input * 100 < request.prompt_tokens * READ_SHARE_PERCENT {
        return Err(fault.short_read(usage, request.prompt_tokens, request.input_tokens));
    }
    match &answer.finish {
        Finish::Complete | Finish::Length => {}
        Finish::Refused => return Err(fault.refusal(usage, &answer.text)),
        Finish::Other(word) => return Err(fault.off_schema(usage, &format!("it stopped with {word:?}"))),
    }
    let is_full = answer.finish == Finish::Length
        && usage.source == UsageSource::Reported
        && usage.output < request.max_output_tokens;
    reply::read(&answer, payload, usage).map_err(|why| {
        if is_full { fault.no_room(usage, request.max_output_tokens) } else { fault.off_schema(usage, &why) }
    })
}

/// What a request is charged whose server says what it cost: that much, however many tokens it took.
fn at_cost(mut error: Box<AskError>, cost: Option<PicoUsd>, request: &Request) -> Box<AskError> {
    if cost.is_some() {
        let usage = match error.charge {
            Charge::Usage(usage) => usage,
            Charge::Nothing => Usage { source: UsageSource::Reported, ..Usage::default() },
            Charge::Full => reply::estimate(request),
        };
        error.charge = Charge::Usage(Usage { reported_cost: cost, ..usage });
    }
    error
}

/// What a response of failure says. Its status is the fact; its words are welcome if they come in time.
fn notice(response: blocking::Response, deadline: Instant) -> Notice {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let header = |name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let body = read(response, deadline).unwrap_or_default();
    let wall = since_epoch(SystemTime::now());
    Notice::read(status, header, &body, dialect::complaint(&body), wall)
}

/// Reads a body to its end, its limit or the deadline.
fn read(mut response: blocking::Response, deadline: Instant) -> Result<String, Broken> {
    let mut body = Vec::new();
    let mut buffer = vec![0; 16 << 10];
    loop {
        let count = match response.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) if is_timeout(&error) => return Err(Broken::Late),
            Err(error) => return Err(Broken::Cut(cause(&error))),
        };
        body.extend_from_slice(&buffer[..count]);
        if body.len() > BODY_LIMIT {
            return Err(Broken::TooLong(BODY_LIMIT));
        }
        if Instant::now() >= deadline {
            return Err(Broken::Late);
        }
    }
    String::from_utf8(body).map_err(|_| Broken::Cut("it is not UTF-8".to_owned()))
}

fn is_timeout(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::TimedOut
        || error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<reqwest::Error>())
            .is_some_and(reqwest::Error::is_timeout)
}

fn unmade(error: &reqwest::Error) -> Unmade {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    let mut is_refused = false;
    while let Some(error) = source {
        let io = error.downcast_ref::<std::io::Error>();
        is_refused |= io.is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused);
        source = error.source();
    }
    Unmade { cause: cause(error), is_refused }
}

/// The innermost cause, which says most: `Connection refused (os error 111)`.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// Where an endpoint is: a URL to which a key may be sent.
pub(super) struct Address(Url);

impl Address {
    /// Reads a `base_url`.
    pub(super) fn parse(base_url: &str) -> Result<Self, EndpointError> {
        // What is no address may still hold a password or a key.
        let written = || if base_url.contains(['@', '?', '#']) { "…" } else { base_url }.to_owned();
        let url = Url::parse(base_url)
            .map_err(|error| EndpointError::NotAUrl { url: written(), why: error.to_string() })?;
        let host = url.host_str().unwrap_or_default().to_owned();
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointError::Credentials { host });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(EndpointError::Query { host });
        }
        let address = Self(url);
        match address.0.scheme() {
            "https" | "http" if address.is_forbidden() => Err(EndpointError::ForbiddenHost(written())),
            "https" => Ok(address),
            "http" if address.is_loopback() => Ok(address),
            "http" => Err(EndpointError::Unencrypted(written())),
            scheme => Err(EndpointError::Scheme { url: written(), scheme: scheme.to_owned() }),
        }
    }

    /// Whether the host is this machine, said literally.
    pub(super) fn is_loopback(&self) -> bool {
        self.0.host_str() == Some("localhost") || self.ip().is_some_and(|ip| ip.is_loopback())
    }

    /// The host's name, where its port is the usual one of its scheme.
    pub(super) fn host(&self) -> Option<String> {
        let is_usual = self.0.port().is_none();
        self.0.host_str().filter(|_| is_usual).map(str::to_owned)
    }

    /// Link-local addresses, where clouds serve a machine's credentials, with their names; and
    /// addresses of no machine.
    fn is_forbidden(&self) -> bool {
        const METADATA_NAMES: [&str; 2] = ["metadata.google.internal", "metadata"];
        const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
        let host = self.0.host_str().unwrap_or_default().trim_end_matches('.');
        METADATA_NAMES.contains(&host)
            || match self.ip() {
                Some(IpAddr::V4(ip)) => ip.is_link_local() || ip.is_unspecified() || ip.is_broadcast(),
                Some(IpAddr::V6(ip)) => {
                    ip.is_unicast_link_local() || ip.is_unspecified() || ip == METADATA_V6
                }
                None => false,
            }
    }

    /// The host as an address, an IPv4 address in IPv6's clothes as itself.
    fn ip(&self) -> Option<IpAddr> {
        let host = self.0.host_str()?.trim_matches(['[', ']']);
        host.parse().ok().map(|ip: IpAddr| ip.to_canonical())
    }

    /// The address of a path below the base.
    fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path().trim_end_matches('/')));
        url
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod peers;
