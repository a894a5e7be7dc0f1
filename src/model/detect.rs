//! Model servers on this machine, found by what they say about themselves.
//!
//! Other programs listen on their usual ports too, so that none is believed for its port: each has to
//! answer in a way that the others do not. Only 127.0.0.1 is asked, without a key, and nothing about
//! the user or the code is said.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http::Loopback;
use crate::report::models::{ServedModel, Server};

/// How long a server may take to say what it is. A few milliseconds do, unless a model has all cores at
/// work; only a program that takes a connection and says nothing is waited for so long.
pub const PATIENCE: Duration = Duration::from_millis(500);
/// How long it may take to say everything else, all together.
const REST: Duration = Duration::from_secs(1);
/// The most models that are listed of a server.
const MOST_MODELS: usize = 64;
/// The most models of which a server is asked for the context, one by one.
const MOST_SHOWN: usize = 16;
/// Characters that the name of a model may have.
const MOST_NAME: usize = 200;

/// What a server can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ollama.
    Ollama,
    /// llama.cpp's `llama-server`.
    LlamaCpp,
    /// LM Studio.
    LmStudio,
    /// vLLM.
    Vllm,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Ollama, Self::LlamaCpp, Self::LmStudio, Self::Vllm];

    /// What its makers call it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ollama => "Ollama",
            Self::LlamaCpp => "llama.cpp",
            Self::LmStudio => "LM Studio",
            Self::Vllm => "vLLM",
        }
    }

    /// The port that it has unless it is told another.
    #[must_use]
    pub fn usual_port(self) -> u16 {
        match self {
            Self::Ollama => 11434,
            Self::LlamaCpp => 8080,
            Self::LmStudio => 1234,
            Self::Vllm => 8000,
        }
    }

    /// What a provider for it is called.
    fn provider(self) -> &'static str {
        match self {
            Self::Ollama => "ollama",
            Self::LlamaCpp => "llama-cpp",
            Self::LmStudio => "lm-studio",
            Self::Vllm => "vllm",
        }
    }
}

/// Where a kind of server may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What it would be.
    pub kind: Kind,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

/// The port in Ollama's variable `OLLAMA_HOST`, where that names this machine: `127.0.0.1:11500`,
/// `:11500`, `http://localhost:11500`. A server that listens on all addresses (`0.0.0.0`) listens here.
#[must_use]
pub fn ollama_port(host: &str) -> Option<u16> {
    let host = host.trim().trim_matches(['"', '\'']);
    let host = host.strip_prefix("http://").unwrap_or(host).trim_end_matches('/');
    let (name, port) = host.rsplit_once(':')?;
    let is_here = matches!(name, "" | "127.0.0.1" | "localhost" | "[::1]" | "0.0.0.0" | "[::]");
    port.parse().ok().filter(|&port: &u16| is_here && port != 0)
}

/// Asks all candidates at once, each of which has so much `patience` to say what it is; gives those
/// that are what they would be, in their order.
#[must_use]
pub fn detect(candidates: &[Candidate], patience: Duration) -> Vec<Server> {
    let Some(loopback) = Loopback::new() else { return Vec::new() };
    let loopback = &loopback;
    thread::scope(|scope| {
        let asked: Vec<_> = candidates
            .iter()
            .map(|candidate| scope.spawn(move || Interview::new(loopback, *candidate, patience).hold()))
            .collect();
        asked.into_iter().filter_map(|thread| thread.join().ok().flatten()).collect()
    })
}

/// One server being asked.
struct Interview<'l> {
    loopback: &'l Loopback,
    candidate: Candidate,
    /// When it must have said what it is.
    first: Instant,
    /// When it must have said everything.
    last: Instant,
}

impl<'l> Interview<'l> {
    fn new(loopback: &'l Loopback, candidate: Candidate, patience: Duration) -> Self {
        let first = Instant::now() + patience;
        Self { loopback, candidate, first, last: first + REST }
    }

    fn hold(&self) -> Option<Server> {
        match self.candidate.kind {
            Kind::Ollama => self.ollama(),
            Kind::LlamaCpp => self.llama_cpp(),
            Kind::LmStudio => self.lm_studio(),
            Kind::Vllm => self.vllm(),
        }
    }

    /// What it says on `path`, whatever the status.
    fn look(&self, path: &str, body: Option<String>, until: Instant) -> Option<(u16, Value)> {
        self.loopback.look(self.candidate.port, path, body, until)
    }

    fn first(&self, path: &str) -> Option<Value> {
        success(self.look(path, None, self.first)?)
    }

    fn then(&self, path: &str) -> Option<Value> {
        success(self.look(path, None, self.last)?)
    }

    fn server(&self, version: Option<&Value>, mut models: Vec<ServedModel>) -> Server {
        let Candidate { kind, port } = self.candidate;
        let (dialect, base) = if kind == Kind::Ollama { ("ollama", "") } else { ("openai", "/v1") };
        models.truncate(MOST_MODELS);
        Server {
            name: kind.as_str(),
            provider: kind.provider(),
            dialect,
            base_url: format!("http://127.0.0.1:{port}{base}"),
            version: version.and_then(name),
            loading: false,
            wants_key: false,
            models,
        }
    }

    /// `/api/version` with a number, and `/api/tags` in which every model has a digest:
    /// <https://github.com/ollama/ollama/blob/main/docs/api.md>. Others that imitate it have no
    /// digests, or no version.
    fn ollama(&self) -> Option<Server> {
        let version = self.first("/api/version")?;
        let version = version.get("version").filter(|it| begins_with_digit(it))?;
        let tags = self.then("/api/tags")?;
        let listed = tags.get("models")?.as_array()?;
        if !listed.iter().all(|model| model["digest"].as_str().is_some_and(is_digest)) {
            return None;
        }
        let loaded = self.then("/api/ps").unwrap_or_default();
        let loaded = loaded["models"].as_array().map_or(&[][..], Vec::as_slice);
        let mut models = Vec::new();
        for tag in listed.iter().take(MOST_MODELS) {
            let Some(model) = name(&tag["name"]) else { continue };
            let running = loaded.iter().find(|running| running["name"] == tag["name"]);
            let shown = (models.len() < MOST_SHOWN)
                .then(|| self.look("/api/show", Some(json!({"model": model}).to_string()), self.last))
                .flatten()
                .and_then(success)
                .unwrap_or_default();
            let longest = shown["model_info"]
                .as_object()
                .and_then(|info| info.iter().find(|(key, _)| key.ends_with(".context_length"))?.1.as_u64());
            let family = tag["details"]["family"].as_str().unwrap_or_default();
            let abilities = shown["capabilities"].as_array();
            models.push(ServedModel {
                context: running.and_then(|it| it["context_length"].as_u64()).or(longest),
                loaded: running.is_some(),
                embeds_only: match abilities {
                    Some(abilities) => !abilities.contains(&"completion".into()),
                    None => family.ends_with("bert"),
                },
                // Models of Ollama's cloud are listed like those of the disk.
                elsewhere: tag["remote_host"].as_str().is_some_and(|host| !host.is_empty())
                    || super::is_of_ollamas_cloud(&model),
                name: model,
            });
        }
        Some(self.server(Some(version), models))
    }

    /// `owned_by` of every model, or the words with which it says that it is still loading, or that it
    /// wants a key (`--api-key`):
    /// <https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md>.
    fn llama_cpp(&self) -> Option<Server> {
        let (status, said) = self.look("/v1/models", None, self.first)?;
        let error = &said["error"];
        if status == 503 {
            let loading = error["type"] == "unavailable_error" && error["message"] == "Loading model";
            return loading.then(|| Server { loading: true, ..self.server(None, Vec::new()) });
        }
        if status == 401 {
            // Its health alone is nobody's secret.
            let refusal = json!({"message": "Invalid API Key", "type": "authentication_error", "code": 401});
            let locked = *error == refusal && self.then("/health")? == json!({"status": "ok"});
            return locked.then(|| Server { wants_key: true, ..self.server(None, Vec::new()) });
        }
        let listed = owned_by("llamacpp", status, &said)?;
        let loading = matches!(self.look("/health", None, self.last), Some((503, _)));
        let props = self.then("/props").unwrap_or_default();
        // One server loads one model; with a router above it the properties are of none, and say zero.
        let only = props["default_generation_settings"]["n_ctx"].as_u64();
        let only = only.filter(|&context| context > 0 && listed.len() == 1);
        let models = listed.iter().filter_map(|model| {
            let meta = &model["meta"];
            Some(ServedModel {
                name: name(&model["id"])?,
                context: only.or_else(|| meta["n_ctx"].as_u64()).or_else(|| meta["n_ctx_train"].as_u64()),
                loaded: !loading && model["status"]["value"].as_str().is_none_or(|status| status == "loaded"),
                ..ServedModel::default()
            })
        });
        Some(Server { loading, ..self.server(props.get("build_info"), models.collect()) })
    }

    /// The list of its own interface, of version 0.4 or earlier:
    /// <https://lmstudio.ai/docs/developer/rest/list>.
    fn lm_studio(&self) -> Option<Server> {
        let (status, said) = self.look("/api/v1/models", None, self.first)?;
        if let Some(models) = success((status, said)).and_then(|said| lm_studio_models(&said)) {
            return Some(self.server(None, models));
        }
        let said = self.then("/api/v0/models")?;
        Some(self.server(None, lm_studio_old_models(&said)?))
    }

    /// `owned_by` of every model:
    /// <https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html>.
    fn vllm(&self) -> Option<Server> {
        let (status, said) = self.look("/v1/models", None, self.first)?;
        let listed = owned_by("vllm", status, &said)?;
        let models = listed.iter().filter_map(|model| {
            Some(ServedModel {
                name: name(&model["id"])?,
                context: model["max_model_len"].as_u64(),
                loaded: true,
                ..ServedModel::default()
            })
        });
        let version = self.then("/version").unwrap_or_default();
        Some(self.server(version.get("version"), models.collect()))
    }
}

/// `{"models":[{"type":"llm","key":…,"loaded_instances":[{"config":{"context_length":…}}],
/// "max_context_length":…}]}`
fn lm_studio_models(said: &Value) -> Option<Vec<ServedModel>> {
    let listed = said["models"].as_array().filter(|listed| !listed.is_empty())?;
    let is_own = |model: &Value| {
        model["type"].is_string()
            && model["loaded_instances"].is_array()
            && model["max_context_length"].is_u64()
    };
    listed.iter().all(is_own).then_some(())?;
    let models = listed.iter().filter_map(|model| {
        let loaded = model["loaded_instances"].get(0);
        let context = loaded.and_then(|loaded| loaded["config"]["context_length"].as_u64());
        Some(ServedModel {
            name: name(&model["key"])?,
            context: context.or_else(|| model["max_context_length"].as_u64()),
            loaded: loaded.is_some(),
            embeds_only: model["type"] == "embedding",
            elsewhere: false,
        })
    });
    Some(models.collect())
}

/// `{"data":[{"id":…,"type":"llm","compatibility_type":"gguf","state":"loaded",
/// "max_context_length":…}]}`
fn lm_studio_old_models(said: &Value) -> Option<Vec<ServedModel>> {
    let listed = said["data"].as_array().filter(|listed| !listed.is_empty())?;
    let is_own = |model: &Value| model["compatibility_type"].is_string() && model["state"].is_string();
    listed.iter().all(is_own).then_some(())?;
    let models = listed.iter().filter_map(|model| {
        Some(ServedModel {
            name: name(&model["id"])?,
            context: model["loaded_context_length"].as_u64().or_else(|| model["max_context_length"].as_u64()),
            loaded: model["state"] == "loaded",
            embeds_only: model["type"] == "embeddings",
            elsewhere: false,
        })
    });
    Some(models.collect())
}

/// The models of an OpenAI-like list in which all belong to `owner`, and there is one.
fn owned_by<'v>(owner: &str, status: u16, said: &'v Value) -> Option<&'v [Value]> {
    let listed = said["data"].as_array().filter(|_| (200..300).contains(&status))?;
    let is_own = !listed.is_empty() && listed.iter().all(|model| model["owned_by"] == owner);
    is_own.then_some(listed.as_slice())
}

fn success((status, said): (u16, Value)) -> Option<Value> {
    (200..300).contains(&status).then_some(said)
}

/// A name that can be shown, and written into a file.
fn name(value: &Value) -> Option<String> {
    let name = value.as_str()?;
    let is_plain = !name.is_empty()
        && name.chars().count() <= MOST_NAME
        && !name.chars().any(|it| it.is_control() || crate::text::is_unprintable(it));
    is_plain.then(|| name.to_owned())
}

fn begins_with_digit(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.starts_with(|first: char| first.is_ascii_digit()))
}

/// SHA-256 in hexadecimal.
fn is_digest(text: &str) -> bool {
    let text = text.strip_prefix("sha256:").unwrap_or(text);
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests;
