//! Why a verb failed, and with which exit code.
use crate::{config::Problems, store};
use std::process::ExitCode;

#[derive(Debug)]
pub(super) enum Failure {
    /// Wrong usage or configuration: 2.
    Usage(String),
    /// Refused or failed: 1.
    Failed(String),
}

impl Failure {
    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    pub(super) fn failed(text: impl Into<String>) -> Self {
        Self::Failed(text.into())
    }

    pub(super) fn report(self) -> ExitCode {
        let (text, code) = match self {
            Self::Usage(text) => (text, 2),
            Self::Failed(text) => (text, 1),
        };
        eprintln!("gatekey: {text}");
        ExitCode::from(code)
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        let head = match problems.0.len() {
            1 => "the settings have a mistake".to_owned(),
            count => format!("the settings have {count} mistakes"),
        };
        Self::Usage(format!("{head}\n{problems}"))
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(format!("{error:#}"))
    }
}
