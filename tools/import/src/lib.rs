//! Imports users and foods from CSV exports of the old service's database (docs/MIGRATION.md).
//!
//! The new ids are derived from the old ids, so a repeated import skips imported rows and continues after
//! an interruption.

mod export;
mod image_source;
mod old;
mod report;

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use domain::food::{Food, FoodRepository, InsertFoodError};
use domain::image::{ImageRenderer, ImageStore};
use domain::storage::StorageError;
use domain::use_cases::store_image;
use domain::user::{InsertUserError, PublicUser, UserRepository};
use futures_util::StreamExt as _;
use futures_util::stream;
use thiserror::Error;

pub use crate::export::ExportError;
use crate::export::{Content, Entry, read};
use crate::image_source::ImageError;
pub use crate::image_source::ImageSource;
use crate::old::{FoodRow, OldFood, OldUser, UserRow};
pub use crate::report::{Counts, Summary};
use crate::report::{Outcome, Report};

/// The maximum number of rows that are imported concurrently.
const CONCURRENCY: usize = 4;
/// The number of consecutive rows with storage errors after which the import is aborted.
const MAX_UNAVAILABLE: usize = 8;

/// The CSV files to import.
#[derive(Debug, Clone)]
pub struct Exports {
    /// The path of the CSV file with the rows of the table `users`.
    pub users: PathBuf,
    /// The path of the CSV file with the rows of the table `foods`.
    pub foods: PathBuf,
}

/// The stores to import into, and the source of images.
#[derive(Debug)]
pub struct Stores<U, F, I, R> {
    /// The repository of the new accounts.
    pub users: U,
    /// The repository of the new foods.
    pub foods: F,
    /// The store of the new renditions.
    pub images: I,
    /// Decodes images of the old service and encodes renditions.
    pub renderer: R,
    /// Loads the images of the old service.
    pub image_source: ImageSource,
}

/// Errors that abort the import. Rows that are already imported are not removed.
#[derive(Debug, Error)]
pub enum ImportError {
    /// A CSV file cannot be read.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The report cannot be written, for example because standard output is closed.
    #[error("the report cannot be written: {0}")]
    Report(#[from] io::Error),
    /// Too many consecutive rows failed with storage errors.
    #[error(
        "{MAX_UNAVAILABLE} consecutive rows failed with storage errors; correct the cause, then run the import again"
    )]
    Unavailable,
}

/// Validates both CSV files and all images, and reports the rows that an import into empty stores would reject. Stores
/// nothing.
pub async fn check(
    exports: &Exports,
    image_source: &ImageSource,
    renderer: &impl ImageRenderer,
    out: &mut impl Write,
) -> Result<Summary, ImportError> {
    let imported = async |_: &_| Outcome::Imported;
    let render = async |food: &OldFood, _: &_| match image_source.render(renderer, food).await {
        Ok(_) => Outcome::Imported,
        Err(error) => error.into(),
    };
    let summary = run(exports, imported, render, out).await?;
    writeln!(out, "dry run, nothing was written: {summary}")?;
    Ok(summary)
}

/// Imports all rows and reports the failed ones to `out`, followed by the summary.
pub async fn import(
    exports: &Exports,
    stores: &Stores<impl UserRepository, impl FoodRepository, impl ImageStore, impl ImageRenderer>,
    out: &mut impl Write,
) -> Result<Summary, ImportError> {
    let summary = run(
        exports,
        async |user| stores.import_user(user).await,
        async |food, creator| stores.import_food(food, creator).await,
        out,
    )
    .await?;
    writeln!(out, "{summary}")?;
    Ok(summary)
}

async fn run(
    exports: &Exports,
    import_user: impl AsyncFn(&OldUser) -> Outcome,
    import_food: impl AsyncFn(&OldFood, &PublicUser) -> Outcome,
    out: &mut impl Write,
) -> Result<Summary, ImportError> {
    // Both are read before anything is written.
    let users = read::<UserRow>(&exports.users)?;
    let foods = read::<FoodRow>(&exports.foods)?;
    let (users, owners) = import_rows(&exports.users, &users, import_user, out).await?;
    let import_food = async |food: &OldFood| match owners.get(&food.owner) {
        Some(owner) => import_food(food, &owner.user.public).await,
        None => failed("user_id: the user was not imported"),
    };
    let (foods, _) = import_rows(&exports.foods, &foods, import_food, out).await?;
    Ok(Summary { users, foods })
}

/// Imports the rows of a file concurrently and reports the failed ones in the order of the file. Returns the rows that
/// are now stored, by old id.
async fn import_rows<'a, T>(
    file: &Path,
    entries: &'a [Entry<T>],
    import_row: impl AsyncFn(&T) -> Outcome,
    out: &mut impl Write,
) -> Result<(Counts, HashMap<u64, &'a T>), ImportError> {
    let import_row = &import_row;
    let mut outcomes = stream::iter(entries)
        .map(|entry| async move {
            let outcome = match &entry.content {
                Content::Valid(value) => import_row(value).await,
                Content::Invalid(reasons) => failed(reasons),
                Content::Deleted => Outcome::Deleted,
            };
            (entry, outcome)
        })
        .buffered(CONCURRENCY);
    let mut report = Report::new(out, file, entries.len());
    let mut stored = HashMap::new();
    while let Some((entry, outcome)) = outcomes.next().await {
        report.row(entry.line, entry.old_id, &outcome)?;
        if report.unavailable == MAX_UNAVAILABLE {
            return Err(ImportError::Unavailable);
        }
        if let (Outcome::Imported | Outcome::AlreadyPresent, Some(id), Content::Valid(value)) =
            (outcome, entry.old_id, &entry.content)
        {
            stored.insert(id, value);
        }
    }
    Ok((report.counts, stored))
}

impl<U: UserRepository, F: FoodRepository, I: ImageStore, R: ImageRenderer> Stores<U, F, I, R> {
    async fn import_user(&self, old: &OldUser) -> Outcome {
        let (user, password) = (&old.user, &old.password);
        match self.users.create(user, password).await {
            Ok(()) => Outcome::Imported,
            Err(InsertUserError::EmailTaken) => {
                match self.users.find_credentials(&user.email).await {
                    Ok(Some(found)) if found.user.id == user.public.id => Outcome::AlreadyPresent,
                    Ok(Some(_)) => failed("email: used by another account"),
                    Ok(None) => failed("email: imported before with another e-mail"),
                    Err(error) => error.into(),
                }
            }
            Err(InsertUserError::Storage(error)) => error.into(),
        }
    }

    async fn import_food(&self, old: &OldFood, creator: &PublicUser) -> Outcome {
        match self.foods.find_consistent(old.id).await {
            Ok(None) => {}
            Ok(Some(_)) => return Outcome::AlreadyPresent,
            Err(error) => return error.into(),
        }
        let image = match self.image_source.render(&self.renderer, old).await {
            Ok((id, renditions)) => store_image(&self.images, old.id, id, renditions).await,
            Err(error) => return error.into(),
        };
        let image = match image {
            Ok(image) => image,
            Err(error) => return error.into(),
        };
        let food = Food {
            id: old.id,
            creator: creator.clone(),
            title: old.title.clone(),
            description: old.description.clone(),
            image,
            upload: None,
            created_at: old.created_at,
            updated_at: old.updated_at,
            version: 1,
            likes: 0,
        };
        match self.foods.create(&food).await {
            Ok(()) => Outcome::Imported,
            // The image is not an upload.
            Err(InsertFoodError::TitleTaken | InsertFoodError::UploadTaken) => {
                match self.foods.find_consistent(food.id).await {
                    // A concurrent run has imported it, with the same image.
                    Ok(Some(_)) => Outcome::AlreadyPresent,
                    Ok(None) => {
                        // Best effort: an orphaned image is harmless.
                        let _ = self.images.delete(&food.rendition_keys()).await;
                        failed("title: used by another food")
                    }
                    Err(error) => error.into(),
                }
            }
            Err(InsertFoodError::CreatorGone) => {
                let _ = self.images.delete(&food.rendition_keys()).await;
                failed("user_id: the account was deleted")
            }
            // The next run overwrites the image.
            Err(InsertFoodError::Storage(error)) => error.into(),
        }
    }
}

fn failed(reason: &str) -> Outcome {
    Outcome::Failed(reason.to_owned())
}

impl From<ImageError> for Outcome {
    fn from(error: ImageError) -> Self {
        Self::Failed(format!("food_image: {error}"))
    }
}

impl From<StorageError> for Outcome {
    fn from(error: StorageError) -> Self {
        match &error {
            StorageError::Unavailable(source) | StorageError::Rejected(source) => {
                let mut reason = error.to_string();
                let mut cause: Option<&dyn Error> = Some(source.as_ref());
                while let Some(error) = cause {
                    reason.extend([": ", &error.to_string().replace('\n', " ")]);
                    cause = error.source();
                }
                Self::Unavailable(reason)
            }
            StorageError::Corrupt(_) => Self::Failed(error.to_string()),
        }
    }
}
