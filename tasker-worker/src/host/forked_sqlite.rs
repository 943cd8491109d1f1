//! SQLite does not survive a fork: a child has a copy of its parent's locks without holding them, and opening the file again
//! there could damage it. A child whose parent had such a file open is therefore refused another.

use std::{
    process,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use super::{Result, refused};

/// The process that counts, and how many of its hosts have an SQLite file open. No lock, since a lock may be copied
/// while it is held.
static OPEN: AtomicU64 = AtomicU64::new(0);

/// One host with an SQLite file open in this process.
#[derive(Debug)]
pub(super) struct OpenSqlite {
    is_open: AtomicBool,
}

impl OpenSqlite {
    /// Counts one more; none if the URL is of another database, or of one in memory, which has no locks.
    ///
    /// # Errors
    /// `forked`: the parent of this process had one open when it forked.
    pub(super) fn count(url: &str) -> Result<Option<Self>> {
        if !url.starts_with("sqlite:") || url.contains(":memory:") {
            return Ok(None);
        }
        let pid = process::id();
        let counted = OPEN.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |packed| {
            let (owner, open) = unpack(packed);
            if owner == pid { Some(pack(pid, open + 1)) } else { (open == 0).then(|| pack(pid, 1)) }
        });
        match counted {
            Ok(_) => Ok(Some(Self { is_open: AtomicBool::new(true) })),
            Err(packed) => {
                let (owner, _) = unpack(packed);
                let message = format!("process {owner} forked this one while it had an SQLite file open");
                Err(refused("forked", message, "open SQLite files after the fork only, or use PostgreSQL"))
            }
        }
    }

    /// It is closed; a second time nothing happens.
    pub(super) fn end(&self) {
        // In a forked child the count is its parent's.
        let is_own = unpack(OPEN.load(Ordering::SeqCst)).0 == process::id();
        if self.is_open.swap(false, Ordering::SeqCst) && is_own {
            OPEN.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Drop for OpenSqlite {
    fn drop(&mut self) {
        self.end();
    }
}

fn pack(pid: u32, open: u32) -> u64 {
    u64::from(pid) << 32 | u64::from(open)
}

fn unpack(packed: u64) -> (u32, u32) {
    let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default();
    (half(packed >> 32), half(packed))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, since there is one count.
    #[test]
    fn what_is_open_is_counted_until_it_ends() {
        for url in ["postgres://localhost/x", "sqlite::memory:"] {
            assert!(OpenSqlite::count(url).unwrap().is_none());
        }
        let counts = || unpack(OPEN.load(Ordering::SeqCst)).1;
        let before = counts();
        let first = OpenSqlite::count("sqlite:a.db").unwrap().unwrap();
        let second = OpenSqlite::count("sqlite:b.db").unwrap().unwrap();
        assert_eq!(counts(), before + 2);
        first.end();
        drop(first);
        assert_eq!(counts(), before + 1);
        drop(second);
        assert_eq!(counts(), before);

        // As a child finds it whose parent had one open.
        let own = OPEN.swap(pack(process::id() + 1, 1), Ordering::SeqCst);
        assert_eq!(OpenSqlite::count("sqlite:a.db").unwrap_err().code(), "forked");
        OPEN.store(own, Ordering::SeqCst);
    }
}
