//! Passwords that are easily guessed.

use super::fnv;

/// The hashes of 16,293 common passwords of at least 8 characters in lower case, sorted. 65 KB instead of 155 KB
/// of text; one of 260,000 other passwords has the hash of a common one.
const COMMON: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/common_passwords"));

/// Words of this service that no password may consist of (OWASP ASVS 5, 6.1.2), in lower case.
const CONTEXT_WORDS: [&str; 12] = [
    "eatfood",
    "food",
    "foodapp",
    "foodfood",
    "foodie",
    "foodlover",
    "foodpassword",
    "foodsharing",
    "ilovefood",
    "lovefood",
    "myfood",
    "passwordfood",
];

/// Returns whether the letters of the password, without digits and symbols, form one of [`CONTEXT_WORDS`].
pub(super) fn is_context_specific(password: &str) -> bool {
    let letters = password.chars().filter(|c| c.is_alphabetic());
    let letters: String = letters.flat_map(char::to_lowercase).collect();
    CONTEXT_WORDS.contains(&letters.as_str())
}

/// Returns whether the password is a common one, in upper or lower case, or becomes one when its symbols are
/// removed (`Admin@123`) or read as letters (`P@ssword1`).
pub(super) fn is_common(password: &str) -> bool {
    let password = password.to_ascii_lowercase();
    let letters = password.replace('@', "a").replace('$', "s").replace('!', "i");
    let without_symbols = password.replace(|c: char| c.is_ascii_punctuation() || c == ' ', "");
    let (hashes, _) = COMMON.as_chunks();
    [password, letters, without_symbols]
        .iter()
        .any(|text| hashes.binary_search(&fnv::hash(text)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTS: [&str; 2] = [
        include_str!("../../common_passwords/django.txt"),
        include_str!("../../common_passwords/zxcvbn.txt"),
    ];

    #[test]
    fn listed_password_is_common_in_upper_and_lower_case() {
        for list in LISTS {
            assert!(list.lines().count() >= 3_000);
            for entry in list.lines() {
                assert!((8..=128).contains(&entry.chars().count()), "{entry}");
                assert!(is_common(entry) && is_common(&entry.to_ascii_uppercase()), "{entry}");
            }
        }
    }

    #[test]
    fn common_password_with_symbols_is_common() {
        for (password, expected) in [
            ("P@ssword1", true),
            ("Password@123", true),
            ("Admin@123", true),
            ("P@$$w0rd", true),
            ("iloveyou!", true),
            (" 12345678", true),
            ("correct horse battery", false),
            ("crème brûlée", false),
            ("!@#-!@#-!@#-!@#", false),
            ("zzzzzzzzzzzzzzz", false),
        ] {
            assert_eq!(is_common(password), expected, "{password}");
        }
    }

    #[test]
    fn fewer_than_1_of_10_000_other_passwords_are_common() {
        let others = (0..1_000_000).map(|number| format!("unlisted-{number}"));
        assert!(others.filter(|password| is_common(password)).count() < 100);
    }

    #[test]
    fn app_name_with_digits_or_symbols_is_context_specific() {
        for (password, expected) in [
            ("foodapp1", true),
            ("Food-App-2026!", true),
            ("1234food", true),
            ("i.love.food", true),
            ("?FOOD? 12", true),
            ("foodapp and more", false),
            ("jollof rice on sundays", false),
            ("20261122", false),
        ] {
            assert_eq!(is_context_specific(password), expected, "{password}");
        }
    }
}
