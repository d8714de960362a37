//! What a program is made of, as CycloneDX 1.6 says it: the same text from the same `Cargo.lock`, byte for byte.
//!
//! Crates whose code is in the program are `required`; macros, build scripts and what these need made it and are not in it:
//! `excluded`. Features are those of the whole workspace, so that a crate may be listed which this program alone would not
//! need; none that is in it is missing.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::paths;

/// The crates of the workspace and of `Cargo.lock` for one target, and who needs whom.
pub(super) struct Graph {
    packages: BTreeMap<String, Package>,
    needs: BTreeMap<String, Vec<Edge>>,
    /// By name, version and source: the SHA-256 of what the registry served.
    checksums: BTreeMap<(String, String, String), String>,
}

/// A bill of materials.
pub(super) struct Bill {
    /// The document.
    pub(super) text: String,
    /// Crates whose code is in the program.
    pub(super) inside: usize,
    /// Crates that only took part in its making.
    pub(super) only_built: usize,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    /// `None` for our own.
    source: Option<String>,
    license: Option<String>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dep>,
}

#[derive(Deserialize)]
struct Dep {
    pkg: String,
    dep_kinds: Vec<DepKind>,
}

#[derive(Deserialize)]
struct DepKind {
    /// `None` is an ordinary dependency; the others are `build` and `dev`.
    kind: Option<String>,
}

/// What a crate needs, in a word.
struct Edge {
    to: String,
    /// Whether its code is linked in, unless it is a macro.
    ordinary: bool,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
}

impl Package {
    fn is_macro(&self) -> bool {
        self.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "proc-macro"))
    }

    /// Ours are told apart from crates of the same name that somebody may publish.
    fn purl(&self) -> String {
        let version = self.version.replace('+', "%2B");
        let ours =
            if self.source.is_none() { "?vcs_url=git%2Bhttps://github.com/outcrop/outcrop" } else { "" };
        format!("pkg:cargo/{}@{version}{ours}", self.name)
    }
}

impl Graph {
    /// Asks cargo.
    pub(super) fn read(triple: &str) -> anyhow::Result<Self> {
        let mut cargo = paths::cargo();
        cargo.args(["metadata", "--locked", "--format-version", "1", "--filter-platform", triple]);
        let told = cargo.output().context("cannot run cargo metadata")?;
        ensure!(told.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&told.stderr));
        let lock = std::fs::read_to_string(paths::root().join("Cargo.lock"))?;
        Self::parse(&told.stdout, &lock)
    }

    fn parse(metadata: &[u8], lock: &str) -> anyhow::Result<Self> {
        let metadata: Metadata =
            serde_json::from_slice(metadata).context("cargo metadata has another form")?;
        let lock: Lock = toml::from_str(lock).context("Cargo.lock has another form")?;
        let checksums = lock
            .package
            .into_iter()
            .filter_map(|it| Some(((it.name, it.version, it.source.unwrap_or_default()), it.checksum?)));
        let edges = |deps: Vec<Dep>| {
            deps.into_iter()
                .filter(|dep| dep.dep_kinds.iter().any(|it| it.kind.as_deref() != Some("dev")))
                .map(|dep| Edge { ordinary: dep.dep_kinds.iter().any(|it| it.kind.is_none()), to: dep.pkg })
                .collect()
        };
        Ok(Self {
            packages: metadata.packages.into_iter().map(|it| (it.id.clone(), it)).collect(),
            needs: metadata.resolve.nodes.into_iter().map(|node| (node.id, edges(node.deps))).collect(),
            checksums: checksums.collect(),
        })
    }

    /// The bill of one of our programs; `hash` is that of the file, if it was built.
    pub(super) fn bill_of(&self, program: &str, triple: &str, hash: Option<&str>) -> anyhow::Result<Bill> {
        let root = self.packages.values().find(|it| it.name == program && it.source.is_none());
        let root = root.with_context(|| format!("there is no package {program}"))?;
        let inside = self.reached(&root.id, &|edge| {
            edge.ordinary && self.packages.get(&edge.to).is_some_and(|it| !it.is_macro())
        });
        let all = self.reached(&root.id, &|_| true);
        let mut components = Vec::new();
        let mut dependencies = Vec::new();
        for id in &all {
            let package = self.packages.get(id).with_context(|| format!("{id} is not described"))?;
            let needs = self.needs.get(id).into_iter().flatten();
            let needs: BTreeSet<_> =
                needs.filter_map(|edge| self.packages.get(&edge.to)).map(Package::purl).collect();
            dependencies.push(json!({ "ref": package.purl(), "dependsOn": needs }));
            if *id != root.id {
                let scope = if inside.contains(id) { "required" } else { "excluded" };
                components.push(self.component(package, scope));
            }
        }
        // By name rather than by cargo's ids, which say where the checkout is.
        components.sort_by_key(|it| it["bom-ref"].as_str().map(str::to_owned));
        dependencies.sort_by_key(|it| it["ref"].as_str().map(str::to_owned));
        let mut itself = json!({
            "type": "application", "bom-ref": root.purl(), "name": root.name, "version": root.version, "purl": root.purl(),
            "licenses": licences(root),
        });
        if let Some(hash) = hash {
            itself["hashes"] = json!([{ "alg": "SHA-256", "content": hash }]);
        }
        let mut bill = json!({
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "serialNumber": "",
            "version": 1,
            "metadata": {
                "lifecycles": [{ "phase": "build" }],
                "tools": { "components": [
                    { "type": "application", "name": "cargo xtask package", "version": env!("CARGO_PKG_VERSION") },
                ] },
                "component": itself,
                "properties": [{ "name": "outcrop:target", "value": triple }],
            },
            "components": components,
            "dependencies": dependencies,
        });
        bill["serialNumber"] = Value::String(serial_number(&bill.to_string()));
        let text = serde_json::to_string_pretty(&bill)? + "\n";
        Ok(Bill { text, inside: inside.len() - 1, only_built: all.len() - inside.len() })
    }

    /// Everything that is reached from a package over edges that `follow` admits, itself among it.
    fn reached(&self, from: &str, follow: &dyn Fn(&Edge) -> bool) -> BTreeSet<String> {
        let (mut seen, mut next) = (BTreeSet::from([from.to_owned()]), vec![from.to_owned()]);
        while let Some(id) = next.pop() {
            for edge in self.needs.get(&id).into_iter().flatten().filter(|edge| follow(edge)) {
                if seen.insert(edge.to.clone()) {
                    next.push(edge.to.clone());
                }
            }
        }
        seen
    }

    fn component(&self, package: &Package, scope: &str) -> Value {
        let mut component = json!({
            "type": "library", "bom-ref": package.purl(), "name": package.name, "version": package.version,
            "scope": scope, "purl": package.purl(), "licenses": licences(package),
        });
        let key = (package.name.clone(), package.version.clone(), package.source.clone().unwrap_or_default());
        if let Some(checksum) = self.checksums.get(&key) {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
        }
        component
    }
}

/// As an SPDX expression; older crates write `MIT/Apache-2.0`.
fn licences(package: &Package) -> Value {
    package
        .license
        .as_ref()
        .map_or_else(|| json!([]), |it| json!([{ "expression": it.replace('/', " OR ") }]))
}

/// One number for one content, so that two builds of one commit are one bill.
fn serial_number(content: &str) -> String {
    let hash = super::sha256(content.as_bytes());
    // Version 8 (free form) and variant 10 of RFC 9562 stand in their places.
    format!(
        "urn:uuid:{}-{}-8{}-a{}-{}",
        &hash[..8],
        &hash[8..12],
        &hash[13..16],
        &hash[17..20],
        &hash[20..32]
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Graph;

    const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

    fn graph() -> Graph {
        let package = |id: &str, source: Option<&str>, kind: &str, license: Option<&str>| {
            json!({ "id": id, "name": id, "version": "1.0.0+x", "source": source, "license": license,
                    "targets": [{ "kind": [kind] }] })
        };
        let needs = |id: &str, deps: &[(&str, Option<&str>)]| {
            let deps = deps.iter().map(|(to, kind)| json!({ "pkg": to, "dep_kinds": [{ "kind": kind }] }));
            json!({ "id": id, "deps": deps.collect::<Vec<_>>() })
        };
        let metadata = json!({
            "packages": [
                package("outcrop-x", None, "bin", Some("Apache-2.0")),
                package("linked", Some(REGISTRY), "lib", Some("MIT/Apache-2.0")),
                package("derive", Some(REGISTRY), "proc-macro", None),
                package("quoting", Some(REGISTRY), "lib", Some("MIT")),
                package("cc", Some(REGISTRY), "lib", Some("MIT")),
                package("tested-with", Some(REGISTRY), "lib", Some("MIT")),
            ],
            "resolve": { "nodes": [
                needs("outcrop-x", &[("linked", None), ("derive", None), ("tested-with", Some("dev"))]),
                needs("linked", &[("cc", Some("build"))]),
                needs("derive", &[("quoting", None)]),
                needs("quoting", &[]), needs("cc", &[]), needs("tested-with", &[]),
            ] },
        });
        let lock = format!(
            "[[package]]\nname = \"linked\"\nversion = \"1.0.0+x\"\nsource = \"{REGISTRY}\"\nchecksum = \"abc\"\n"
        );
        Graph::parse(metadata.to_string().as_bytes(), &lock).expect("a graph")
    }

    #[test]
    fn what_is_linked_is_told_from_what_only_built() {
        let bill = graph().bill_of("outcrop-x", "t", Some("00ff")).expect("a bill");
        assert_eq!((bill.inside, bill.only_built), (1, 3));
        let bill: Value = serde_json::from_str(&bill.text).expect("JSON");
        let scopes = bill["components"].as_array().expect("a list").iter();
        let scopes: Vec<_> = scopes
            .map(|it| (it["name"].as_str().unwrap_or(""), it["scope"].as_str().unwrap_or("")))
            .collect();
        let excluded = "excluded";
        assert_eq!(
            scopes,
            [("cc", excluded), ("derive", excluded), ("linked", "required"), ("quoting", excluded)]
        );
        assert_eq!(bill["components"][2]["purl"], "pkg:cargo/linked@1.0.0%2Bx");
        assert_eq!(bill["components"][2]["hashes"][0]["content"], "abc");
        assert_eq!(bill["components"][2]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(bill["metadata"]["component"]["hashes"][0]["content"], "00ff");
    }

    #[test]
    fn the_same_content_is_the_same_bill() {
        let text = |triple| graph().bill_of("outcrop-x", triple, None).expect("a bill").text;
        assert_eq!(text("a"), text("a"));
        let number = |text: &str| serde_json::from_str::<Value>(text).expect("JSON")["serialNumber"].clone();
        assert_ne!(number(&text("a")), number(&text("b")));
        assert_eq!(number(&text("a")).as_str().map(str::len), Some("urn:uuid:".len() + 36));
    }

    #[test]
    fn programs_that_are_not_ours_have_none() {
        assert!(graph().bill_of("linked", "t", None).is_err());
    }
}
