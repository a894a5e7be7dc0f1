use proptest::prelude::*;

use super::*;

/// What stands in places that are no path; it is looked for in names.
const SECRET: &str = "s3cr3t";

fn named(url: &str) -> Option<String> {
    name_of_remote(url)
}

#[test]
fn ci_and_people_come_to_the_same_name() {
    let same: [(&str, &[&str]); 7] = [
        (
            "acme/web",
            &[
                "https://github.com/acme/web",
                "https://x-access-token:ghs_secret@github.com/acme/web.git",
                "https://ghp_secret:@github.com/acme/web.git",
                "ssh://git@github.com:22/acme/web.git",
                "ssh://git@[2001:db8::1]:22/acme/web.git",
                "git@github.com:acme/web.git",
                "git@github.com:/acme/web.git",
                "git@[2001:db8::1]:acme/web.git",
                "[git@github.com:22]:acme/web.git",
                "https://github.com:8443/acme/web/",
                "https://github.com/acme/web.git//",
                "https://GitHub.com/ACME/Web.GIT",
                "git://github.com/acme/web.git",
                "file:///srv/git/acme/web.git",
                "file:///C:/git/acme/web",
                "/srv/git/acme/web.git/",
                "/srv/git/acme/web/.git",
                "../../acme/web",
                "~/acme/web.git",
                r"C:\git\acme\web.git",
                "C:/git/acme/web",
                r"\\server\share\acme\web",
            ],
        ),
        (
            "sub/web",
            &[
                "https://gitlab-ci-token:glcbt-secret@gitlab.example.org/group/sub/web.git",
                "git@gitlab.example.org:group/sub/web.git",
            ],
        ),
        (
            "project/web",
            &["https://org@dev.azure.com/org/project/_git/web", "git@ssh.dev.azure.com:v3/org/project/web"],
        ),
        (
            "my project/web",
            &[
                "https://org@dev.azure.com/org/My%20Project/_git/web",
                "git@ssh.dev.azure.com:v3/org/My%20Project/web",
            ],
        ),
        ("ada/web", &["https://tangled.org/@ada/web", "git@tangled.org:ada/web"]),
        ("~ada/web", &["https://git.sr.ht/~ada/web", "git@git.sr.ht:~ada/web"]),
        (
            "web",
            &[
                "https://ada:secret@example.org/web.git",
                "git@example.org:web",
                "ssh://example.org:22/web",
                "web.git",
                "../web",
            ],
        ),
    ];
    for (name, urls) in same {
        for url in urls {
            assert_eq!(named(url).as_deref(), Some(name), "{url}");
        }
    }
}

#[test]
fn what_follows_or_precedes_the_path_is_no_part_of_it() {
    for (url, name) in [
        ("https://host/acme/web.git?private_token=SECRET", Some("acme/web")),
        ("https://host/acme/web.git#SECRET", Some("acme/web")),
        ("https://host/acme/web.git%3Fprivate_token=SECRET", Some("acme/web")),
        ("git@host:acme/web?token=SECRET", Some("acme/web")),
        ("https://bob:pa/SECRET@host/web", Some("web")),
        ("https://bob:p@SECRET/x@host/acme/web", Some("acme/web")),
        ("https://bob:p@x/SECRET@host/web", Some("web")),
        ("https://bob%40corp:SECRET@host/acme/web", Some("acme/web")),
        ("ghp_x:SECRET@host:web", Some("web")),
        ("SECRET@host:acme/web", Some("acme/web")),
        ("git@host:acme/web@2", None),
        ("git@host:acme/we@b/c", None),
        ("https://x:y@host?token=SECRET/acme/web", None),
        ("https://bob:a/SECRET?x@host/acme/web", None),
        ("https://host/acme/web?as=x@SECRET/SECRET", None),
        ("https://SECRET@/", None),
        ("https://example.org", None),
        ("ext::sh -c \"foo SECRET bar/baz\"", None),
        ("fd::17/SECRET", None),
        ("::SECRET/x", None),
        ("codecommit::eu-central-1://SECRET@web", None),
        ("s3://key:secret@bucket/SECRET/web", None),
        ("", None),
    ] {
        assert_eq!(named(url).as_deref(), name, "{url}");
    }
}

#[test]
fn a_name_is_fit_for_a_terminal() {
    assert_eq!(named("https://host/acme/we%1b%5b2Jb").as_deref(), Some("acme/we\\u{1b}[2jb"));
    assert_eq!(named("https://host/acme/%ff").as_deref(), Some("acme/%ff"));
    assert_eq!(named("https://host/acme/100%").as_deref(), Some("acme/100%"));
    let long = named(&format!("https://host/acme/{}", "x".repeat(10_000))).unwrap();
    assert!(long.chars().count() <= LONGEST_NAME + 1);
}

/// A part of an address that holds the secret, between characters that mean something in addresses.
fn secret() -> impl Strategy<Value = String> {
    // Few letters, so that most of it means something.
    ("[a-z]{2,4}[ab/:@?#%.\\[\\]]{0,5}", "[ab/:@?#%.\\[\\]]{0,5}")
        .prop_map(|(before, after)| format!("{before}{SECRET}{after}"))
}

proptest! {
    /// Wherever but in the path a token stands, and whatever is in it.
    #[test]
    fn no_secret_survives_outside_of_the_path(
        scheme in prop::sample::select(&SCHEMES[..]),
        password in prop::option::of(secret()),
        host in prop::sample::select(&["host", "host.example.org", "[::1]", "10.0.0.1"][..]),
        port in prop::sample::select(&["", ":22", ":8443"][..]),
        path in prop::sample::select(&["acme/web", "acme/web.git", "web", "a/b/c/", ""][..]),
        after in prop::option::of(("[?#]", secret())),
        style in 0..4,
    ) {
        let user = match (&password, style) {
            (None, _) => String::new(),
            (Some(password), 0) => format!("{password}@"),
            (Some(password), 1) => format!("{password}:x@"),
            (Some(password), _) => format!("bob:{password}@"),
        };
        let after = after.map_or_else(String::new, |(mark, secret)| mark + &secret);
        let url = format!("{scheme}://{user}{host}{port}/{path}{after}");
        if let Some(name) = named(&url) {
            prop_assert!(!name.contains(SECRET), "{url} is {name}");
        }
        let url = format!("{user}{host}:{path}{after}");
        if let Some(name) = named(&url) {
            prop_assert!(!name.contains(SECRET), "{url} is {name}");
        }
    }

    #[test]
    fn any_text_is_read(url in "\\PC{0,40}") {
        if let Some(name) = named(&url) {
            prop_assert!(!name.chars().any(crate::text::is_unprintable));
        }
    }
}
