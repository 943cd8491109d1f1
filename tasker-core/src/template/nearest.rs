/// The candidate that was most likely meant by `word`; none where nothing is near.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = plain(word);
    let slips = (wanted.chars().count() / 3).max(1);
    let near = candidates.into_iter().filter(|candidate| candidate.len().abs_diff(word.len()) <= slips + 2);
    let ranked = near.map(|candidate| (strsim::damerau_levenshtein(&wanted, &plain(candidate)), candidate));
    ranked.filter(|(distance, _)| *distance <= slips).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// Spelling without what people vary: case, and the sign between words.
fn plain(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '_' | '-' | '.' | ' ')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_word_wins_and_a_far_one_is_not_offered() {
        let words = ["max_attempts", "max_backoff_ms", "jitter"];
        assert_eq!(nearest("maxAttempts", words), Some("max_attempts"));
        assert_eq!(nearest("max_attemps", words), Some("max_attempts"));
        assert_eq!(nearest("jiter", words), Some("jitter"));
        assert_eq!(nearest("colour", words), None);
        assert_eq!(nearest("", words), None);
    }
}
