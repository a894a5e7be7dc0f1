//! The commits that led to one.

use git2::Sort;

use super::{GitError, ObjectId, Repository};

impl Repository {
    /// The last `count` commits up to `tip` that are no merges, newest first, in the order of
    /// `git log --no-merges`.
    ///
    /// # Errors
    /// A history that cannot be read.
    pub fn history(&self, tip: ObjectId, count: usize) -> Result<Vec<ObjectId>, GitError> {
        let failed = || GitError::failed("walk the history");
        let mut walk = self.inner.revwalk().map_err(failed())?;
        walk.set_sorting(Sort::NONE).map_err(failed())?;
        walk.push(tip.0).map_err(failed())?;
        let mut commits = Vec::new();
        for id in walk {
            if commits.len() == count {
                break;
            }
            let id = id.map_err(failed())?;
            let commit = self.inner.find_commit(id).map_err(failed())?;
            if commit.parent_count() < 2 {
                commits.push(ObjectId(id));
            }
        }
        Ok(commits)
    }
}
