//! Secrets: never printed, compared in constant time, kept only as digests.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// A value that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a value over.
    pub fn new(value: impl Into<String>) -> Secret {
        Secret(value.into())
    }

    /// The value, for the one who must send it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// A digest of something under this secret. `purpose` keeps digests for different ends apart.
    pub fn digest(&self, purpose: &str, value: &str) -> [u8; 32] {
        // HMAC takes keys of any length: this cannot fail.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()) else { return [0; 32] };
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(value.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// The digest as text.
    pub fn name(&self, purpose: &str, value: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.digest(purpose, value))
    }

    /// A token for the forms of a session. Each one made looks different, so that a compressed page betrays nothing of it.
    pub fn form_token(&self, session: &str) -> String {
        let mask = random::<32>();
        let token = self.digest("form", session);
        let masked: Vec<u8> = mask.iter().copied().chain(token.iter().zip(mask).map(|(a, b)| a ^ b)).collect();
        URL_SAFE_NO_PAD.encode(masked)
    }

    /// Whether a form's token was made for this session.
    pub fn accepts_form(&self, session: &str, token: &str) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(token) else { return false };
        let Some((mask, masked)) = bytes.split_at_checked(32) else { return false };
        let plain: Vec<u8> = mask.iter().zip(masked).map(|(a, b)| a ^ b).collect();
        plain.ct_eq(&self.digest("form", session)).into()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if getrandom::fill(&mut bytes).is_err() {
        // Without random numbers nothing here is safe.
        std::process::abort();
    }
    bytes
}

/// An id that nobody guesses: 256 random bits.
pub fn random_id() -> String {
    URL_SAFE_NO_PAD.encode(random::<32>())
}

/// A random byte.
pub fn random_byte() -> u8 {
    random::<1>()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_token_is_good_for_its_session_only() {
        let secret = Secret::new("k");
        let token = secret.form_token("one");
        assert!(secret.accepts_form("one", &token));
        assert!(!secret.accepts_form("two", &token));
        assert!(!Secret::new("other").accepts_form("one", &token));
        for bad in ["", "x", &token[..40], &"A".repeat(86)] {
            assert!(!secret.accepts_form("one", bad), "{bad}");
        }
        assert_ne!(token, secret.form_token("one"));
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret::new("hush")), "(secret)");
    }
}
