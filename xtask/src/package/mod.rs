//! `cargo xtask package`: what images, functions and machines run, for both architectures, in one folder.
//!
//! ```text
//! dist/amd64/outcrop-gateway             the program
//!            outcrop-gateway.cdx.json    its bill of materials (CycloneDX)
//!            SHA256SUMS                  of all of them
//! dist/arm64/…
//! dist/data, dist/LICENSE                what else deploy/docker/Dockerfile.prebuilt copies
//! ```
//!
//! The other architecture is compiled across: with its standard library (`rustup target add`) and Debian's compiler
//! (`gcc-aarch64-linux-gnu`, `g++-aarch64-linux-gnu`). Whoever publishes does this in `rust:1.95-bookworm`, since a program asks for
//! the glibc that it was linked with.

mod sbom;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};

use crate::paths;

/// The packages, each with one program of its name.
const PROGRAMS: [&str; 7] = [
    "outcrop",
    "outcrop-auth",
    "outcrop-bedrock-emulator",
    "outcrop-gateway",
    "outcrop-inference",
    "outcrop-job-worker",
    "outcrop-lambda",
];

/// The C library of the images' base, Debian 12. What asks for a later one does not start there.
const GLIBC: (u32, u32) = (2, 36);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these architectures; else both.
    #[arg(long)]
    arch: Vec<Arch>,
    /// `release` is what is shipped; `ci` builds faster, without link-time optimisation.
    #[arg(long, default_value = "release")]
    profile: String,
    /// The folder to write.
    #[arg(long, default_value = "dist")]
    out: PathBuf,
    /// Only these programs; else all.
    #[arg(long)]
    only: Vec<String>,
    /// Write the bills of materials, and compile nothing.
    #[arg(long)]
    sbom_only: bool,
}

/// An architecture, by the name that images have for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Arch {
    Amd64,
    Arm64,
}

impl Arch {
    const fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    const fn triple(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// Debian's compiler for it, which also links.
    const fn compiler(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-linux-gnu-gcc",
            Self::Arm64 => "aarch64-linux-gnu-gcc",
        }
    }

    fn is_this_machines(self) -> bool {
        let this = std::env::consts::ARCH;
        self.triple().split('-').next() == Some(this) && cfg!(target_env = "gnu")
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let out = paths::root().join(&options.out);
    let architectures =
        if options.arch.is_empty() { vec![Arch::Amd64, Arch::Arm64] } else { options.arch.clone() };
    let programs = programs(&options.only)?;
    for arch in architectures {
        let folder = out.join(arch.name());
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        if !options.sbom_only {
            build(arch, &options.profile, &programs)?;
        }
        let graph = sbom::Graph::read(arch.triple())?;
        let mut sums = String::new();
        for program in &programs {
            let hash =
                if options.sbom_only { None } else { Some(copy(arch, &options.profile, program, &folder)?) };
            let bill = graph.bill_of(program, arch.triple(), hash.as_deref())?;
            let name = format!("{program}.cdx.json");
            std::fs::write(folder.join(&name), &bill.text)?;
            println!(
                "{}/{program}: {} crates in it, {} more built it",
                arch.name(),
                bill.inside,
                bill.only_built
            );
            if let Some(hash) = hash {
                sums += &format!("{hash}  {program}\n");
            }
            sums += &format!("{}  {name}\n", sha256(bill.text.as_bytes()));
        }
        std::fs::write(folder.join("SHA256SUMS"), sums)?;
    }
    let root = paths::root();
    std::fs::create_dir_all(out.join("data"))?;
    std::fs::copy(root.join("deploy/docker/data/README"), out.join("data/README"))?;
    std::fs::copy(root.join("LICENSE"), out.join("LICENSE"))?;
    println!("written to {}", out.display());
    Ok(())
}

fn programs(only: &[String]) -> anyhow::Result<Vec<&'static str>> {
    if let Some(unknown) = only.iter().find(|name| !PROGRAMS.contains(&name.as_str())) {
        anyhow::bail!("there is no program {unknown:?}: {}", PROGRAMS.join(", "));
    }
    let wanted = |it: &&str| only.is_empty() || only.iter().any(|name| name == it);
    Ok(PROGRAMS.into_iter().filter(wanted).collect())
}

fn build(arch: Arch, profile: &str, programs: &[&str]) -> anyhow::Result<()> {
    let triple = arch.triple();
    let mut cargo = paths::cargo();
    cargo.args(["build", "--quiet", "--locked", "--profile", profile, "--target", triple]);
    programs.iter().for_each(|program| {
        cargo.args(["-p", program]);
    });
    // The compilers of C code are found by their names; which linker to take must be said.
    let linker = format!("CARGO_TARGET_{}_LINKER", triple.replace('-', "_").to_uppercase());
    if !arch.is_this_machines() && std::env::var_os(&linker).is_none() {
        cargo.env(linker, arch.compiler());
    }
    paths::check(&mut cargo).with_context(|| {
        format!(
            "{triple} needs its standard library (`rustup target add {triple}`) and the compiler {}",
            arch.compiler()
        )
    })
}

/// Copies a program into the folder, if the images' base can run it; its SHA-256.
fn copy(arch: Arch, profile: &str, program: &str, folder: &Path) -> anyhow::Result<String> {
    // Cargo's folder for the profile `dev` is called otherwise.
    let profile = if profile == "dev" { "debug" } else { profile };
    let built = paths::binaries(arch.triple()).join(profile).join(program);
    let needed = glibc_of(&built)?;
    ensure!(
        needed <= GLIBC,
        "{program} asks for glibc {}.{}, and the images have {}.{}: build in rust:1.95-bookworm",
        needed.0,
        needed.1,
        GLIBC.0,
        GLIBC.1
    );
    std::fs::copy(&built, folder.join(program))
        .with_context(|| format!("cannot copy {}", built.display()))?;
    Ok(sha256(&std::fs::read(&built)?))
}

/// The latest version of glibc that a program asks for. `readelf` reads those of any architecture.
fn glibc_of(program: &Path) -> anyhow::Result<(u32, u32)> {
    let read = Command::new("readelf").args(["--version-info", "--wide"]).arg(program).output();
    let read = read.context("cannot run readelf (Debian: binutils)")?;
    ensure!(read.status.success(), "readelf cannot read {}", program.display());
    latest_glibc(&String::from_utf8_lossy(&read.stdout))
        .with_context(|| format!("{} asks for no glibc", program.display()))
}

fn latest_glibc(listing: &str) -> Option<(u32, u32)> {
    let after = listing.split("GLIBC_").skip(1);
    let numbers = after.filter_map(|it| {
        let version: String = it.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        let mut parts = version.split('.').map(str::parse);
        Some((parts.next()?.ok()?, parts.next()?.ok()?))
    });
    numbers.max()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{PROGRAMS, latest_glibc, programs};
    use crate::paths;

    #[test]
    fn the_latest_version_is_by_number() {
        let listing =
            "Name: GLIBC_2.9  Flags: none\nName: GLIBC_2.34\n Name: GLIBC_2.2.5\n Name: GLIBC_PRIVATE";
        assert_eq!(latest_glibc(listing), Some((2, 34)));
        assert_eq!(latest_glibc("GCC_3.0"), None);
    }

    #[test]
    fn every_program_is_in_the_images() {
        let dockerfile =
            std::fs::read_to_string(paths::root().join("deploy/docker/Dockerfile")).expect("a file");
        for program in PROGRAMS {
            assert!(dockerfile.contains(&format!("COPY --from=binaries /{program} ")), "{program}");
            assert!(dockerfile.contains(&format!("-p {program}")), "{program}");
        }
    }

    #[test]
    fn unknown_programs_are_refused() {
        assert_eq!(programs(&["outcrop-auth".to_owned()]).expect("one"), ["outcrop-auth"]);
        assert_eq!(programs(&[]).expect("all").len(), PROGRAMS.len());
        assert!(programs(&["outcorp".to_owned()]).is_err());
    }
}
