//! What the address of a remote says of a repository's name. Clones of CI and of people hold tokens in
//! such addresses, and the name is printed, kept and sent to gateways: only the path is looked at, and
//! where it cannot be told what is path, nothing is named.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::text::one_line;

/// Schemes that git comes with. `git-remote-<scheme>` speaks any other, and what such an address says
/// is known to that program alone.
const SCHEMES: [&str; 9] = ["https", "http", "ssh", "git", "file", "git+ssh", "ssh+git", "ftp", "ftps"];

/// Characters of the longest name.
const LONGEST_NAME: usize = 200;

/// The last two parts of the path in the address of a remote, without `.git` and in lower case:
/// `git@host:team/web.git`, `https://host/Team/Web` and `/srv/team/web` are all `team/web`. None where
/// an address has no path, is meant for a helper (`ext::…`, see gitremote-helpers(7)), or can be read in
/// two ways.
///
/// Host, port and protocol do not count, since people and CI come by several.
pub(super) fn name_of_remote(url: &str) -> Option<String> {
    let path = path(url)?.to_lowercase();
    // Azure DevOps has `_git` in its addresses for https, and not in those for ssh.
    let is_part = |part: &&str| !matches!(*part, "" | "." | ".." | ".git" | "_git");
    let mut parts = path.split(['/', '\\']).filter(is_part).rev();
    let name = parts.next()?;
    let name = name.strip_suffix(".git").unwrap_or(name);
    let name = parts.next().map_or_else(|| name.to_owned(), |owner| format!("{owner}/{name}"));
    Some(one_line(&name, LONGEST_NAME)).filter(|name| !name.is_empty())
}

/// The path of an address, as git tells its forms apart (`git help clone`, GIT URLS).
fn path(url: &str) -> Option<String> {
    let url = url.trim();
    if let Some((helper, _)) = url.split_once("::")
        && helper.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    {
        return None;
    }
    if is_path(url) {
        return Some(url.to_owned());
    }
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) if SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()) => (true, rest),
        Some(_) => return None,
        None => (false, url),
    };
    let rest = percent_decode_str(rest).decode_utf8().unwrap_or(Cow::Borrowed(rest));
    let rest = match rest.find(['?', '#']) {
        // The query of one, or the password of the other: `host/web?as=a@b`, `a:pass?word@host/web`.
        Some(end) if rest[end..].contains('@') => return None,
        Some(end) => &rest[..end],
        None => &rest,
    };
    // A password may hold anything, a slash or another `@` too.
    let (before, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
    let is_below_host = before.ends_with('/');
    if !scheme && before.contains('/') && !is_below_host {
        // `host:acme/web@2`, or a password with a slash.
        return None;
    }
    Some(
        match (scheme, rest.split_once('/')) {
            // `host/@ada/web`: the host stood before it.
            _ if is_below_host => rest,
            (true, below) => below?.1,
            // `host:path`, `[::1]:path` and `[host:22]:path`; a colon further on belongs to the path.
            (false, below) => {
                let host = below.map_or(rest, |(host, _)| host);
                let colon = host.find("]:").map(|bracket| bracket + 1).or_else(|| host.find(':'));
                colon.map_or(rest, |colon| &rest[colon + 1..])
            }
        }
        .to_owned(),
    )
}

/// Whether an address is a path beyond doubt: from the root, from here or home, or on a drive.
fn is_path(url: &str) -> bool {
    url.starts_with(['/', '\\', '.', '~'])
        || matches!(url.as_bytes(), [drive, b':', b'/' | b'\\', ..] if drive.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests;
