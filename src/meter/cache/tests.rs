//! The cache against the promise that matters: never a hit for what was not reviewed.

use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

/// A day on which nothing else happens.
const TODAY: u64 = 20_000 * DAY;

fn cache(home: &TempDir) -> Cache {
    Cache::open(home.path(), TODAY).unwrap()
}

fn terms(model: &str, level: &str, prompt: u8) -> Terms {
    Terms { model: model.to_owned(), level: level.to_owned(), prompt: blake3::hash(&[prompt]) }
}

fn usual() -> Terms {
    terms("here tiny", "slice", 1)
}

/// From one text to another of the same definition; 0 for none.
fn edge(old: u8, new: u8) -> Edge {
    let text = |text: u8| (text > 0).then(|| blake3::hash(&[text]));
    Edge { place: blake3::hash(b"cart.py total"), old: text(old), new: text(new) }
}

fn review(old: u8, new: u8) -> Review {
    Review { edge: edge(old, new), said: format!("[{old}>{new}]"), tokens: 100, millis: 2000 }
}

fn look(cache: &mut Cache, edges: &[Edge]) -> Lookup {
    cache.find(&usual(), "shop", edges, &Fetched::default()).unwrap()
}

fn hit(lookup: Lookup) -> Hit {
    match lookup {
        Lookup::Hit(hit) => hit,
        Lookup::Miss(miss) => panic!("{miss:?}"),
    }
}

#[test]
fn what_was_reviewed_is_known_to_the_next_process() {
    let home = tempfile::tempdir().unwrap();
    cache(&home).store(&usual(), "shop", &[review(1, 2), review(2, 3)]).unwrap();
    let found = hit(look(&mut cache(&home), &[edge(1, 3), edge(4, 4)]));
    assert_eq!(found.said, ["[1>2]", "[2>3]"]);
    assert_eq!(found.date, "2024-10-04", "date -u -d @$((20000 * 86400))");
    assert_eq!((found.tokens, found.millis), (100, 2000), "one review would have taken their place");
    let both = hit(look(&mut cache(&home), &[edge(1, 2), edge(2, 3)]));
    assert_eq!(both.tokens, 200);
}

#[test]
fn a_miss_has_its_cause() {
    let home = tempfile::tempdir().unwrap();
    let mut cache = cache(&home);
    let miss = |cache: &mut Cache, edges: &[Edge]| match look(cache, edges) {
        Lookup::Miss(miss) => miss,
        Lookup::Hit(hit) => panic!("{hit:?}"),
    };
    assert_eq!(miss(&mut cache, &[edge(1, 2)]), Miss::New);
    assert_eq!(miss(&mut cache, &[]), Miss::NoSteps);
    assert_eq!(miss(&mut cache, &[edge(1, 1)]), Miss::NoSteps);
    cache.store(&usual(), "another", &[review(5, 6)]).unwrap();
    assert_eq!(miss(&mut cache, &[edge(1, 2)]), Miss::New, "that of another repository is another");
    cache.store(&usual(), "shop", &[review(3, 4), review(0, 1)]).unwrap();
    assert_eq!(miss(&mut cache, &[edge(1, 2)]), Miss::Changed);
    assert_eq!(miss(&mut cache, &[edge(0, 1), edge(4, 3)]), Miss::Changed, "one of two is not enough");
    cache.store(&terms("here big", "lines", 2), "shop", &[review(1, 7), review(7, 2)]).unwrap();
    assert_eq!(miss(&mut cache, &[edge(1, 2)]), Miss::Model, "also over several steps");
    cache.store(&terms("here tiny", "lines", 2), "shop", &[review(1, 2)]).unwrap();
    assert_eq!(miss(&mut cache, &[edge(1, 2)]), Miss::Level);
    cache.store(&terms("here tiny", "slice", 2), "shop", &[review(1, 2)]).unwrap();
    assert_eq!(miss(&mut cache, &[edge(1, 2)]), Miss::Prompt);
    cache.store(&usual(), "shop", &[review(1, 2)]).unwrap();
    hit(look(&mut cache, &[edge(1, 2)]));
}

#[test]
fn chains_do_not_cross_terms_or_absence() {
    let home = tempfile::tempdir().unwrap();
    let mut cache = cache(&home);
    cache.store(&usual(), "shop", &[review(1, 2), review(4, 0), review(0, 5)]).unwrap();
    cache.store(&terms("here big", "slice", 1), "shop", &[review(2, 3)]).unwrap();
    assert_eq!(look(&mut cache, &[edge(1, 3)]), Lookup::Miss(Miss::Changed));
    assert_eq!(look(&mut cache, &[edge(4, 5)]), Lookup::Miss(Miss::Changed));
    hit(look(&mut cache, &[edge(4, 0)]));
    hit(look(&mut cache, &[edge(0, 5)]));
}

#[test]
fn a_later_review_of_the_same_takes_its_place() {
    let home = tempfile::tempdir().unwrap();
    let mut cache = cache(&home);
    cache.store(&usual(), "shop", &[review(1, 2)]).unwrap();
    cache.store(&usual(), "shop", &[Review { said: "[]".to_owned(), ..review(1, 2) }]).unwrap();
    assert_eq!(hit(look(&mut cache, &[edge(1, 2)])).said, ["[]"]);
    assert_eq!(cache.statistics(1, 1).unwrap().entries, 1);
}

#[test]
fn what_is_unused_or_too_much_goes_once_a_day() {
    let home = tempfile::tempdir().unwrap();
    let on = |day: u64| Cache::open(home.path(), TODAY + day * DAY).unwrap();
    on(0).store(&usual(), "shop", &[review(1, 2), review(3, 4)]).unwrap();
    let used = hit(look(&mut on(60), &[edge(1, 2)]));
    on(60).record(&[used], &[Miss::New]).unwrap();
    on(91).store(&usual(), "shop", &[]).unwrap();
    hit(look(&mut on(91), &[edge(1, 2)]));
    assert_eq!(look(&mut on(91), &[edge(3, 4)]), Lookup::Miss(Miss::Changed));

    let mut small = Cache { most: 2, ..on(92) };
    let many: Vec<_> = (10..20).map(|text| review(text, text + 1)).collect();
    small.store(&usual(), "shop", &many).unwrap();
    assert_eq!(small.statistics(1, 1).unwrap().entries, 2);
    small.store(&usual(), "shop", &many).unwrap();
    assert_eq!(small.statistics(1, 1).unwrap().entries, 10, "not twice on one day");
}

#[test]
fn lookups_are_counted_by_day_and_period() {
    let home = tempfile::tempdir().unwrap();
    let on = |day: u64| Cache::open(home.path(), TODAY + day * DAY).unwrap();
    on(0).store(&usual(), "shop", &[review(1, 2)]).unwrap();
    let found = hit(look(&mut on(0), &[edge(1, 2)]));
    on(0).record(&[], &[Miss::New, Miss::New, Miss::Changed]).unwrap();
    on(3).record(&[found.clone(), found.clone()], &[]).unwrap();
    on(3).record(std::slice::from_ref(&found), &[Miss::New]).unwrap();
    let days = on(3).statistics(30, 1).unwrap().periods;
    let figures = |period: &Period| (period.hits, period.misses.values().sum::<u64>(), period.tokens);
    assert_eq!(days.iter().map(figures).collect::<Vec<_>>(), [(0, 3, 0), (0, 0, 0), (0, 0, 0), (3, 1, 300)]);
    assert_eq!(days[0].misses, BTreeMap::from([(Miss::New, 2), (Miss::Changed, 1)]));
    assert_eq!((days[0].from.as_str(), days[3].from.as_str()), ("2024-10-04", "2024-10-07"));
    let weeks = on(3).statistics(30, 7).unwrap().periods;
    assert_eq!(weeks.iter().map(figures).collect::<Vec<_>>(), [(3, 4, 300)]);
    assert_eq!(on(3).statistics(3, 1).unwrap().periods.len(), 1, "the first day is out of sight");
    assert_eq!(on(3).clear().unwrap(), 1);
    assert_eq!(on(3).statistics(30, 1).unwrap().periods, []);
}

#[test]
fn looking_leaves_no_trace() {
    let home = tempfile::tempdir().unwrap();
    assert!(Cache::existing(home.path(), TODAY).unwrap().is_none());
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
#[cfg(unix)]
fn it_is_nobody_elses_to_read() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("not/made/yet");
    drop(Cache::open(&state, TODAY).unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&state), mode(&state.join(Cache::FILE))), (0o700, 0o600));
}

#[test]
fn a_damaged_file_is_set_aside() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(Cache::FILE);
    for text in ["SQLite format 3\0 and nothing else", "no database at all"] {
        fs::write(&path, text.repeat(100)).unwrap();
        let Err(CacheError::Damaged { aside, .. }) = Cache::open(home.path(), TODAY) else {
            panic!("{text}")
        };
        assert_eq!(fs::read_to_string(aside).unwrap(), text.repeat(100));
        cache(&home).store(&usual(), "shop", &[review(1, 2)]).unwrap();
        hit(look(&mut cache(&home), &[edge(1, 2)]));
    }
}

#[test]
fn other_files_are_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(Cache::FILE);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE theirs (a)").unwrap();
    assert!(matches!(Cache::open(home.path(), TODAY), Err(CacheError::Foreign(_))));
    drop(other);
    fs::remove_file(&path).unwrap();
    drop(cache(&home));
    Connection::open(&path).unwrap().pragma_update(None, "user_version", file::VERSION + 1).unwrap();
    assert!(matches!(Cache::open(home.path(), TODAY), Err(CacheError::Newer(_))));
}

#[test]
fn many_processes_share_it() {
    let home = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8_u8 {
            let home = &home;
            scope.spawn(move || {
                for round in 0..10_u8 {
                    let mut cache = cache(home);
                    let text = thread * 20 + round;
                    cache.store(&usual(), "shop", &[review(text, text + 1)]).unwrap();
                    let found = hit(look(&mut cache, &[edge(text, text + 1)]));
                    cache.record(&[found], &[Miss::New]).unwrap();
                }
            });
        }
    });
    let statistics = cache(&home).statistics(1, 1).unwrap();
    assert_eq!((statistics.entries, statistics.periods[0].hits), (80, 80));
    assert_eq!(statistics.periods[0].misses[&Miss::New], 80);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever happens to the file, a hit says what was said of that edge and no other.
    #[test]
    fn damage_is_never_a_hit(blows in vec((any::<prop::sample::Index>(), any::<u8>()), 1..40)) {
        let home = tempfile::tempdir().unwrap();
        let reviews: Vec<_> = (1..60).map(|text| review(text, text + 100)).collect();
        cache(&home).store(&usual(), "shop", &reviews).unwrap();
        let path = home.path().join(Cache::FILE);
        let mut bytes = fs::read(&path).unwrap();
        for (at, byte) in blows {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        fs::write(&path, bytes).unwrap();
        let Ok(mut damaged) = Cache::open(home.path(), TODAY) else { return Ok(()) };
        for (text, review) in (1..60).zip(&reviews) {
            match damaged.find(&usual(), "shop", &[edge(text, text + 100)], &Fetched::default()) {
                Ok(Lookup::Hit(hit)) => {
                    prop_assert_eq!(&hit.said, std::slice::from_ref(&review.said));
                    prop_assert_eq!(hit.tokens, 100);
                }
                Ok(Lookup::Miss(_)) => {}
                Err(_) => break,
            }
        }
        // An edge that was never reviewed.
        if let Ok(lookup) = damaged.find(&usual(), "shop", &[edge(1, 102)], &Fetched::default()) {
            prop_assert!(matches!(lookup, Lookup::Miss(_)));
        }
    }
}
