//! Whom a run is charged to: what the user's file, the environment and a CI system say.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ConfigError, Environment};
use crate::cli::check_label;
use crate::text::{is_unprintable, one_line};

/// The variable that adds labels: `cost-centre=42,env=ci`.
const LABELS: &str = "HOOKGATE_LABELS";

/// The most labels that one run has: each is a column of somebody's table.
const MOST_LABELS: usize = 16;

/// Characters of the longest value of a label, and of what is taken from the environment.
const LONGEST_VALUE: usize = 120;

/// Labels of the user's choice, as a file or a variable gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub struct Labels(BTreeMap<String, String>);

impl TryFrom<BTreeMap<String, String>> for Labels {
    type Error = String;

    fn try_from(labels: BTreeMap<String, String>) -> Result<Self, String> {
        for (name, value) in &labels {
            check_label(name)?;
            if value.is_empty() || value.chars().count() > LONGEST_VALUE || value.chars().any(is_unprintable)
            {
                return Err(format!(
                    "the value of label `{name}` cannot be used: expected 1 to {LONGEST_VALUE} printable characters"
                ));
            }
        }
        if labels.len() > MOST_LABELS {
            return Err(format!("{} labels are too many: a run has {MOST_LABELS} at most", labels.len()));
        }
        Ok(Self(labels))
    }
}

impl Labels {
    /// These labels with those of `local`, of which the latter count.
    #[must_use]
    pub fn overridden_by(mut self, local: Self) -> Self {
        self.0.extend(local.0);
        self
    }
}

/// The labels of a run: the repository's, over them the user's, over them those of `HOOKGATE_LABELS`.
/// Where they are too many, the repository's give way, which is worth a note.
pub(super) fn labels(
    repository: &Labels,
    user: &Labels,
    environment: &Environment,
) -> Result<(BTreeMap<String, String>, Option<String>), ConfigError> {
    let wrong = |message| ConfigError::Variable { name: LABELS, message };
    let written = environment.variable(LABELS).unwrap_or_default();
    let mut own = BTreeMap::new();
    for label in written.split(',').map(str::trim).filter(|label| !label.is_empty()) {
        let Some((name, value)) = label.split_once('=') else {
            let label = one_line(label, LONGEST_VALUE);
            return Err(wrong(format!("{label:?} is no label: expected name=value, with commas between")));
        };
        own.insert(name.trim().to_owned(), value.trim().to_owned());
    }
    let own = Labels::try_from(own).map_err(wrong)?;
    // Each source is within bounds by now, so this is about their number.
    let mut labels = Labels::try_from(user.clone().overridden_by(own).0)
        .map_err(|message| wrong(format!("with those of [labels] in your own file, {message}")))?
        .0;
    let mut left_out = Vec::new();
    for (name, value) in &repository.0 {
        if labels.contains_key(name) {
            continue;
        }
        if labels.len() < MOST_LABELS {
            labels.insert(name.clone(), value.clone());
        } else {
            left_out.push(format!("`{name}`"));
        }
    }
    let note = (!left_out.is_empty()).then(|| {
        let names = left_out.join(", ");
        format!("[labels] of hookgate.toml: {names} left out, since a run has {MOST_LABELS} labels at most")
    });
    Ok((labels, note))
}

/// Who runs it: as the user's file says, or by the name of the account.
pub(super) fn user(written: Option<&str>, environment: &Environment) -> String {
    let account = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| environment.variable(name));
    one_line(written.or(account).unwrap_or("unknown"), LONGEST_VALUE)
}

/// What is known of the pipeline that a run is part of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pipeline {
    /// `HOOKGATE_STAGE`, else what CI calls it: `ci` where that is nothing, and `local` outside of CI.
    pub(super) stage: String,
    /// The run of the CI system; none outside of CI.
    pub(super) run: Option<String>,
    /// The branch that is built, which a checkout of CI, detached as it is, does not tell; none for a
    /// tag.
    pub(super) branch: Option<String>,
}

/// Reads the variables of CI systems, as they are documented:
/// [GitHub Actions](https://docs.github.com/en/actions/reference/variables-reference),
/// [GitLab](https://docs.gitlab.com/ci/variables/predefined_variables/),
/// [Buildkite](https://buildkite.com/docs/pipelines/configure/environment-variables),
/// [Jenkins](https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables).
pub(super) fn pipeline(environment: &Environment) -> Pipeline {
    let value = |name: &str| environment.variable(name).map(|value| one_line(value, LONGEST_VALUE));
    let first = |names: &[&str]| names.iter().find_map(|name| value(name));
    let run = |system: &str, ids: &[&str]| {
        let ids: Vec<_> = ids.iter().filter_map(|name| value(name)).collect();
        if ids.is_empty() { system.to_owned() } else { format!("{system}:{}", ids.join("/")) }
    };
    let (stage, run, branch) = if value("GITHUB_ACTIONS").is_some() {
        // A pull request's REF_NAME is `123/merge`, and a tag's is the tag.
        let is_tag = value("GITHUB_REF_TYPE").as_deref() == Some("tag");
        let branch = first(&["GITHUB_HEAD_REF", "GITHUB_REF_NAME"]).filter(|_| !is_tag);
        (value("GITHUB_JOB"), Some(run("github", &["GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT"])), branch)
    } else if value("GITLAB_CI").is_some() {
        let is_tag = value("CI_COMMIT_TAG").is_some();
        let branch =
            first(&["CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_REF_NAME"]).filter(|_| !is_tag);
        (value("CI_JOB_STAGE"), Some(run("gitlab", &["CI_PIPELINE_ID", "CI_JOB_ID"])), branch)
    } else if value("BUILDKITE").is_some() {
        // The number of a build is one of its pipeline's, its id is its own.
        let branch = value("BUILDKITE_BRANCH").filter(|_| value("BUILDKITE_TAG").is_none());
        let stage = first(&["BUILDKITE_STEP_KEY", "BUILDKITE_LABEL"]);
        (stage, Some(run("buildkite", &["BUILDKITE_BUILD_ID", "BUILDKITE_JOB_ID"])), branch)
    } else if value("JENKINS_URL").or(value("BUILD_TAG")).is_some() {
        // A change request's BRANCH_NAME is `PR-24`, and a tag's is the tag.
        let branch = first(&["CHANGE_BRANCH", "BRANCH_NAME"]).filter(|_| value("TAG_NAME").is_none());
        (value("STAGE_NAME"), Some(run("jenkins", &["BUILD_TAG"])), branch)
    } else {
        (None, None, None)
    };
    // Nearly every other CI system says so, too.
    let is_ci = run.is_some() || value("CI").is_some_and(|value| value != "false" && value != "0");
    let unnamed = if is_ci { "ci" } else { "local" };
    let stage = value("HOOKGATE_STAGE").or(stage).unwrap_or_else(|| unnamed.to_owned());
    Pipeline { stage, run, branch }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let variables = variables.iter().map(|&(name, value)| (name.into(), value.into())).collect();
        Environment { variables, ..Environment::default() }
    }

    fn at(variables: &[(&str, &str)]) -> (String, Option<String>, Option<String>) {
        let Pipeline { stage, run, branch } = pipeline(&environment(variables));
        (stage, run, branch)
    }

    fn expected(
        stage: &str,
        run: Option<&str>,
        branch: Option<&str>,
    ) -> (String, Option<String>, Option<String>) {
        (stage.to_owned(), run.map(str::to_owned), branch.map(str::to_owned))
    }

    #[test]
    fn each_system_says_it_in_its_own_variables() {
        let github = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_RUN_ID", "1658821493"),
            ("GITHUB_RUN_ATTEMPT", "2"),
            ("GITHUB_JOB", "review"),
            ("GITHUB_REF_TYPE", "branch"),
            ("GITHUB_REF_NAME", "17/merge"),
            ("GITHUB_HEAD_REF", "fix/it"),
        ];
        assert_eq!(at(&github), expected("review", Some("github:1658821493/2"), Some("fix/it")));
        assert_eq!(at(&github[..6]).2.as_deref(), Some("17/merge"));
        let gitlab = [
            ("GITLAB_CI", "true"),
            ("CI_PIPELINE_ID", "1000"),
            ("CI_JOB_ID", "50"),
            ("CI_JOB_STAGE", "test"),
            ("CI_COMMIT_REF_NAME", "main"),
        ];
        assert_eq!(at(&gitlab), expected("test", Some("gitlab:1000/50"), Some("main")));
        let buildkite = [
            ("BUILDKITE", "true"),
            ("BUILDKITE_BUILD_ID", "4735ba57-80d0-46e2-8fa0-b28223a86586"),
            ("BUILDKITE_JOB_ID", "e44f9784-e20e-4b93-a21d-f41fd5869db9"),
            ("BUILDKITE_LABEL", ":hammer: Tests"),
            ("BUILDKITE_BRANCH", "main"),
            ("BUILDKITE_TAG", ""),
        ];
        let run = "buildkite:4735ba57-80d0-46e2-8fa0-b28223a86586/e44f9784-e20e-4b93-a21d-f41fd5869db9";
        assert_eq!(at(&buildkite), expected(":hammer: Tests", Some(run), Some("main")));
        let jenkins = [
            ("JENKINS_URL", "https://ci.example.org/"),
            ("BUILD_TAG", "jenkins-web-24"),
            ("STAGE_NAME", "Review"),
            ("BRANCH_NAME", "PR-24"),
            ("CHANGE_BRANCH", "fix/it"),
        ];
        assert_eq!(at(&jenkins), expected("Review", Some("jenkins:jenkins-web-24"), Some("fix/it")));
    }

    #[test]
    fn a_tag_is_no_branch() {
        let systems: [&[(&str, &str)]; 4] = [
            &[("GITHUB_ACTIONS", "true"), ("GITHUB_REF_TYPE", "tag"), ("GITHUB_REF_NAME", "v1")],
            &[("GITLAB_CI", "true"), ("CI_COMMIT_TAG", "v1"), ("CI_COMMIT_REF_NAME", "v1")],
            &[("BUILDKITE", "true"), ("BUILDKITE_TAG", "v1"), ("BUILDKITE_BRANCH", "v1")],
            &[("BUILD_TAG", "jenkins-web-24"), ("TAG_NAME", "v1"), ("BRANCH_NAME", "v1")],
        ];
        for system in systems {
            assert_eq!(at(system).2, None, "{system:?}");
        }
    }

    #[test]
    fn a_stage_has_a_name_wherever_it_runs() {
        assert_eq!(at(&[]), expected("local", None, None));
        assert_eq!(at(&[("BUILD_TAG", "jenkins-web-24")]).0, "ci");
        assert_eq!(
            at(&[("GITLAB_CI", "true"), ("CI_JOB_STAGE", "test"), ("HOOKGATE_STAGE", "gate")]).0,
            "gate"
        );
        assert_eq!(at(&[("HOOKGATE_STAGE", "a\u{1b}[2Jb")]).0, "a\\u{1b}[2Jb");
    }

    #[test]
    fn the_account_is_asked_where_the_file_is_silent() {
        let at = |written, variables: &[(&str, &str)]| user(written, &environment(variables));
        assert_eq!(at(Some("ada"), &[("USER", "root")]), "ada");
        assert_eq!(at(None, &[("USER", ""), ("LOGNAME", "grace")]), "grace");
        assert_eq!(at(None, &[("USERNAME", "Alan")]), "Alan");
        assert_eq!(at(None, &[]), "unknown");
    }

    fn of(repository: &[(&str, &str)], user: &[(&str, &str)], variable: &str) -> Result<String, String> {
        let made = |labels: &[(&str, &str)]| {
            let labels = labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
            Labels::try_from(labels.collect::<BTreeMap<_, _>>()).unwrap()
        };
        let labels = labels(&made(repository), &made(user), &environment(&[(LABELS, variable)]));
        let (labels, note) = labels.map_err(|error| error.to_string())?;
        let labels = labels.iter().map(|(name, value)| format!("{name}={value} ")).chain(note);
        Ok(labels.collect::<String>())
    }

    #[test]
    fn the_users_labels_count_before_the_repositorys_and_those_of_today_before_both() {
        let repository = [("a", "repository"), ("b", "repository"), ("c", "repository")];
        let user = [("b", "user"), ("c", "user")];
        assert_eq!(
            of(&repository, &user, " c = today=1 , d=x ,").unwrap(),
            "a=repository b=user c=today=1 d=x "
        );
    }

    #[test]
    fn a_wrong_label_is_said_with_its_name() {
        let long = "x".repeat(LONGEST_VALUE + 1);
        let cases = ["team", "Team=1", "=1", "a=", "a=\u{1b}[2J", &format!("a={long}")];
        let complaints: Vec<_> = cases.iter().map(|case| of(&[], &[], case).unwrap_err()).collect();
        insta::assert_snapshot!(complaints.join("\n"), @r#"
        HOOKGATE_LABELS: "team" is no label: expected name=value, with commas between
        HOOKGATE_LABELS: "Team" is no name of a label: expected 1 to 40 of a-z, 0-9, `_`, `.` and `-`
        HOOKGATE_LABELS: "" is no name of a label: expected 1 to 40 of a-z, 0-9, `_`, `.` and `-`
        HOOKGATE_LABELS: the value of label `a` cannot be used: expected 1 to 120 printable characters
        HOOKGATE_LABELS: the value of label `a` cannot be used: expected 1 to 120 printable characters
        HOOKGATE_LABELS: the value of label `a` cannot be used: expected 1 to 120 printable characters
        "#);
        let many: String = (0..16).map(|n| format!("n{n}=1,")).collect();
        assert!(of(&[], &[], &many).is_ok());
        assert_eq!(
            of(&[], &[("user", "1")], &many).unwrap_err(),
            "HOOKGATE_LABELS: with those of [labels] in your own file, 17 labels are too many: a run has 16 at \
             most"
        );
        // A repository cannot stop its user's runs.
        let said = of(&[("n1", "2"), ("repository", "1")], &[], &many).unwrap();
        assert!(said.contains("n1=1 ") && !said.contains("repository=1"), "{said}");
        assert!(said.ends_with(
            "[labels] of hookgate.toml: `repository` left out, since a run has 16 labels at most"
        ));
    }
}
