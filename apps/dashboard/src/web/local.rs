//! Addresses that a browser is sent back to: this dashboard's own alone.

/// An address of this dashboard, else its first page. `//host` and `/\host` are other hosts for a browser.
pub fn local(to: &str) -> &str {
    let plain = to.starts_with('/')
        && !to.starts_with("//")
        && !to.contains('\\')
        && !to.chars().any(char::is_control)
        && to.len() <= 1_000;
    if plain { to } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn only_local_addresses_are_returned_to() {
        for good in ["/", "/?q=a&out=1", "/projects/7"] {
            assert_eq!(local(good), good);
        }
        for bad in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/a\r\nset-cookie: x",
            "\t//evil",
        ] {
            assert_eq!(local(bad), "/", "{bad:?}");
        }
    }
}
