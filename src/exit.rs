//! The exit codes, which scripts and git rely on.

use std::process::ExitCode;

/// How a run ended, as the calling process sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// 0: git may go on.
    Allowed,
    /// 1: findings or a failed job refuse the commit or push.
    Blocked,
    /// 2: wrong usage, wrong configuration or an internal error.
    Failed,
    /// 3: a required review or consent is missing.
    Undecided,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(match status {
            ExitStatus::Allowed => 0,
            ExitStatus::Blocked => 1,
            ExitStatus::Failed => 2,
            ExitStatus::Undecided => 3,
        })
    }
}
