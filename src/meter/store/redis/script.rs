//! The scripts, one a step, each an atomic whole on the server.

use std::sync::LazyLock;

use redis::Script;

/// What every script but one begins with.
const BEGIN: &str = include_str!("begin.lua");

fn script(step: &str) -> Script {
    Script::new(&format!("{BEGIN}\n{step}"))
}

/// It stands alone, since a login that may not run what the others begin with is to be told so.
pub(super) static PROBE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("probe.lua")));
pub(super) static LOOK: LazyLock<Script> = LazyLock::new(|| script(include_str!("look.lua")));
pub(super) static RESERVE: LazyLock<Script> = LazyLock::new(|| script(include_str!("reserve.lua")));
pub(super) static DISPATCH: LazyLock<Script> = LazyLock::new(|| script(include_str!("dispatch.lua")));
pub(super) static SETTLE: LazyLock<Script> = LazyLock::new(|| script(include_str!("settle.lua")));
pub(super) static RELEASE: LazyLock<Script> = LazyLock::new(|| script(include_str!("release.lua")));
pub(super) static OVER: LazyLock<Script> = LazyLock::new(|| script(include_str!("over.lua")));
pub(super) static RESOLVE: LazyLock<Script> = LazyLock::new(|| script(include_str!("resolve.lua")));
pub(super) static UPDATE: LazyLock<Script> = LazyLock::new(|| script(include_str!("update.lua")));
pub(super) static INIT: LazyLock<Script> = LazyLock::new(|| script(include_str!("init.lua")));
