//! Which module uses which, read from the sources of a crate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::Visit;
use syn::{Attribute, ItemMod, ItemUse, UseTree};

/// A file of a crate.
#[derive(Debug, Default)]
pub struct Module {
    /// The modules that it uses, tests apart.
    pub uses: BTreeSet<String>,
}

/// Every Rust file below a folder, build output apart.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() && !entry.ends_with("target") && !entry.ends_with("node_modules") {
            found.extend(files(&entry));
        } else if entry.extension().is_some_and(|ending| ending == "rs") {
            found.push(entry);
        }
    }
    found
}

/// The modules of a crate by their path (`release::decide`), and what each uses.
pub fn modules(sources: &Path) -> BTreeMap<String, Module> {
    let mut paths = BTreeMap::new();
    for file in files(sources) {
        let relative = file.strip_prefix(sources).unwrap().with_extension("");
        let mut parts: Vec<String> = relative.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        if matches!(parts.last().map(String::as_str), Some("mod" | "lib" | "main")) {
            parts.pop();
        }
        paths.insert(parts.join("::"), file);
    }
    let known: BTreeSet<&String> = paths.keys().collect();
    let module = |(name, file): (&String, &PathBuf)| {
        let syntax = syn::parse_file(&std::fs::read_to_string(file).unwrap()).unwrap();
        let mut reader =
            Reader { at: name.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect(), paths: Vec::new() };
        reader.visit_file(&syntax);
        let uses = reader.paths.iter().filter_map(|path| {
            // The longest beginning of the path that is a file.
            let file = (1..=path.len()).rev().map(|parts| path[..parts].join("::")).find(|path| known.contains(path))?;
            (file != *name).then_some(file)
        });
        (name.clone(), Module { uses: uses.collect() })
    };
    paths.iter().map(module).collect()
}

/// Collects the paths that begin in this crate.
struct Reader {
    /// Where the file is.
    at: Vec<String>,
    paths: Vec<Vec<String>>,
}

impl Reader {
    fn add(&mut self, mut path: Vec<String>) {
        let first = path.first().cloned().unwrap_or_default();
        let mut from = match first.as_str() {
            "crate" => Vec::new(),
            "self" => self.at.clone(),
            "super" => self.at[..self.at.len().saturating_sub(1)].to_vec(),
            _ => return,
        };
        path.remove(0);
        while path.first().is_some_and(|part| part == "super") {
            from.pop();
            path.remove(0);
        }
        from.extend(path);
        self.paths.push(from);
    }

    fn tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| before.iter().cloned().chain([name.to_string()]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            UseTree::Name(name) => self.add(with(&name.ident)),
            UseTree::Rename(name) => self.add(with(&name.ident)),
            UseTree::Glob(_) => self.add(before.to_vec()),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(before, tree)),
        }
    }
}

/// Whether something is only there for tests.
pub fn of_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !of_tests(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !of_tests(&item.attrs) {
            self.tree(&[], &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.add(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        syn::visit::visit_path(self, path);
    }
}

/// The names of the tests of a file.
pub fn tests(file: &Path) -> Vec<String> {
    struct Names(Vec<String>);
    impl<'ast> Visit<'ast> for Names {
        fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
            let is_test = |attribute: &Attribute| attribute.path().segments.last().is_some_and(|last| last.ident == "test");
            if item.attrs.iter().any(is_test) {
                self.0.push(item.sig.ident.to_string());
            }
        }
    }
    let mut names = Names(Vec::new());
    names.visit_file(&syn::parse_file(&std::fs::read_to_string(file).unwrap()).unwrap());
    names.0
}
