//! Every sentence that a person can meet, read from the sources.

use std::fmt::Write;
use std::path::Path;

use syn::visit::Visit;
use syn::{Attribute, ItemFn, ItemMod, LitStr};

use crate::imports::{files, of_tests};

/// The sentences of all files below some folders, by file, in the order of the source.
pub fn messages(root: &Path, folders: &[&str]) -> String {
    let mut text = String::new();
    for folder in folders {
        let mut files = files(&root.join(folder));
        files.sort();
        for file in files {
            let syntax = syn::parse_file(&std::fs::read_to_string(&file).unwrap()).unwrap();
            let mut reader = Reader::default();
            reader.visit_file(&syntax);
            if !reader.sentences.is_empty() {
                writeln!(text, "\n## {}", file.strip_prefix(root).unwrap().display()).unwrap();
            }
            for sentence in reader.sentences {
                writeln!(text, "- {}", sentence.replace('\n', "\n  ")).unwrap();
            }
        }
    }
    text.trim_start().to_owned()
}

#[derive(Default)]
struct Reader {
    sentences: Vec<String>,
}

impl Reader {
    /// A sentence has three words; what has fewer is a name or a part of one.
    fn add(&mut self, text: String) {
        if text.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic)).count() >= 3 {
            self.sentences.push(text);
        }
    }

    /// The literals inside a macro or an attribute, which are only tokens.
    fn tokens(&mut self, tokens: proc_macro2::TokenStream) {
        for token in tokens {
            match token {
                proc_macro2::TokenTree::Group(group) => self.tokens(group.stream()),
                proc_macro2::TokenTree::Literal(literal) => {
                    if let Ok(text) = syn::parse_str::<LitStr>(&literal.to_string()) {
                        self.add(text.value());
                    }
                }
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !of_tests(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if !of_tests(&item.attrs) {
            syn::visit::visit_item_fn(self, item);
        }
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("error") {
            self.tokens(attribute.meta.require_list().map(|list| list.tokens.clone()).unwrap_or_default());
        }
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.tokens(called.tokens.clone());
    }

    fn visit_lit_str(&mut self, text: &'ast LitStr) {
        self.add(text.value());
    }
}
