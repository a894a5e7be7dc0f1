//! What the team's secret is for: names that tell nobody what was reviewed, and seals that nobody
//! without it can make or open.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use blake3::Hash;

use super::super::known::{Known, bytes};

/// The form of a sealed review, its first byte.
const FORM: u8 = 1;

/// Bytes of a secret at the least.
pub const SHORTEST: usize = 16;

/// Bytes of a sealed review at the most: some five findings with their words.
pub(super) const LONGEST: usize = 16 << 10;

/// A secret that the machines of a team share. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// The environment variable that holds it.
    pub variable: String,
    /// What it holds; none where it is not set.
    pub value: Option<String>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret(from {})", self.variable)
    }
}

/// Keys that follow from a secret, one for each use.
pub(super) struct Keys {
    places: [u8; 32],
    reviews: [u8; 32],
    seals: [u8; 32],
}

impl Keys {
    pub(super) fn of(secret: &str) -> Self {
        let key = |purpose| blake3::derive_key(purpose, secret.as_bytes());
        Self {
            places: key("hookgate 2026-11-23 shared reviews: names of definitions"),
            reviews: key("hookgate 2026-11-23 shared reviews: names of reviews"),
            seals: key("hookgate 2026-11-23 shared reviews: seals"),
        }
    }

    /// What a definition is called.
    pub(super) fn place(&self, place: Hash) -> String {
        blake3::keyed_hash(&self.places, place.as_bytes()).to_hex().to_string()
    }

    /// What a review is called among those of its definition: the same for a later one of the same
    /// edge on the same terms, which takes its place.
    pub(super) fn review(&self, place: Hash, known: &Known) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.reviews);
        for part in [
            place.as_bytes(),
            known.terms.model.as_bytes(),
            known.terms.level.as_bytes(),
            known.terms.prompt.as_bytes(),
            &bytes(&known.old)[..],
            &bytes(&known.new),
        ] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Encrypts a review so that it can be opened under these two names only; none where it is too
    /// long, or the system gives no random numbers.
    pub(super) fn seal(&self, place: &str, review: &str, text: &str) -> Option<Vec<u8>> {
        let mut sealed = text.as_bytes().to_vec();
        let key = self.key(place, review)?;
        let nonce = key.seal_in_place_append_tag(Aad::from([FORM]), &mut sealed).ok()?;
        let whole = [&[FORM], &nonce.as_ref()[..], &sealed].concat();
        (whole.len() <= LONGEST).then_some(whole)
    }

    /// The text of a review that was sealed with this secret under these names, and of no other.
    pub(super) fn open(&self, place: &str, review: &str, sealed: &[u8]) -> Option<String> {
        let (&form, rest) = sealed.split_first().filter(|_| sealed.len() <= LONGEST)?;
        let (nonce, rest) = rest.split_at_checked(NONCE_LEN).filter(|_| form == FORM)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = rest.to_vec();
        let text = self.key(place, review)?.open_in_place(nonce, Aad::from([FORM]), &mut text).ok()?;
        String::from_utf8(text.to_vec()).ok()
    }

    /// A key for each review, so that none can stand for another, and no nonce is used by two.
    fn key(&self, place: &str, review: &str) -> Option<RandomizedNonceKey> {
        let key = blake3::keyed_hash(&self.seals, format!("{place} {review}").as_bytes());
        RandomizedNonceKey::new(&AES_256_GCM_SIV, key.as_bytes()).ok()
    }
}
