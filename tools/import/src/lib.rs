//! Moves users and foods from the old service's database, exported as CSV, into the stores of the
//! API (docs/MIGRATION.md).
//!
//! Ids are made of the old ones, so a run that was cut short is started again and changes nothing of
//! what it did before.

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
use domain::use_cases::{render_image, store_image};
use domain::user::{InsertUserError, PublicUser, UserRepository};
use futures_util::StreamExt as _;
use futures_util::stream;
use thiserror::Error;

pub use crate::export::ExportError;
use crate::export::{Content, Entry, read};
pub use crate::image_source::ImageSource;
use crate::old::{FoodRow, OldFood, OldUser, UserRow};
pub use crate::report::{Counts, Summary};
use crate::report::{Outcome, Report};

/// How many rows are under way at once.
const AT_ONCE: usize = 4;
/// After so many rows in a row that no store answered for, there is no use in going on.
const MAX_UNAVAILABLE: usize = 8;

/// The files to read.
#[derive(Debug, Clone)]
pub struct Exports {
    /// The table `users`.
    pub users: PathBuf,
    /// The table `foods`.
    pub foods: PathBuf,
}

/// Where everything goes, and where images come from.
#[derive(Debug)]
pub struct Stores<U, F, I, R> {
    /// The accounts.
    pub users: U,
    /// The foods.
    pub foods: F,
    /// The renditions.
    pub images: I,
    /// Decodes and encodes images.
    pub renderer: R,
    /// The images of the old service.
    pub image_source: ImageSource,
}

/// Why there was no going on. What was done until then is done.
#[derive(Debug, Error)]
pub enum ImportError {
    /// See [`ExportError`].
    #[error(transparent)]
    Export(#[from] ExportError),
    /// Nobody takes the report.
    #[error("the report cannot be written: {0}")]
    Report(#[from] io::Error),
    /// The last rows all failed for that reason.
    #[error(
        "the stores do not answer, or refuse; start again when they do not, it continues from here"
    )]
    Unavailable,
}

/// Reads both files and reports what would not be taken. Fetches and writes nothing.
pub async fn check(exports: &Exports, out: &mut impl Write) -> Result<Summary, ImportError> {
    let imported = async |_: &_| Outcome::Imported;
    let summary = run(exports, imported, async |_, _| Outcome::Imported, out).await?;
    writeln!(out, "nothing written, but it would be: {summary}")?;
    Ok(summary)
}

/// Moves everything, and reports what was not taken.
pub async fn import(
    exports: &Exports,
    stores: &Stores<impl UserRepository, impl FoodRepository, impl ImageStore, impl ImageRenderer>,
    out: &mut impl Write,
) -> Result<Summary, ImportError> {
    let summary = run(
        exports,
        async |user| stores.take_user(user).await,
        async |food, creator| stores.take_food(food, creator).await,
        out,
    )
    .await?;
    writeln!(out, "{summary}")?;
    Ok(summary)
}

async fn run(
    exports: &Exports,
    take_user: impl AsyncFn(&OldUser) -> Outcome,
    take_food: impl AsyncFn(&OldFood, &PublicUser) -> Outcome,
    out: &mut impl Write,
) -> Result<Summary, ImportError> {
    // Both, before anything is written.
    let users = read::<UserRow>(&exports.users)?;
    let foods = read::<FoodRow>(&exports.foods)?;
    let (users, owners) = take(&exports.users, &users, take_user, out).await?;
    let take_food = async |food: &OldFood| match owners.get(&food.owner) {
        Some(owner) => take_food(food, &owner.user.public).await,
        None => not_taken("user_id: that user was not taken"),
    };
    let (foods, _) = take(&exports.foods, &foods, take_food, out).await?;
    Ok(Summary { users, foods })
}

/// Takes the rows of a file, some at once, and reports them in their order. Returns those that are in the
/// store now by their old ids.
async fn take<'a, T>(
    file: &Path,
    entries: &'a [Entry<T>],
    take: impl AsyncFn(&T) -> Outcome,
    out: &mut impl Write,
) -> Result<(Counts, HashMap<u64, &'a T>), ImportError> {
    let take = &take;
    let mut outcomes = stream::iter(entries)
        .map(|entry| async move {
            let outcome = match &entry.content {
                Content::Valid(value) => take(value).await,
                Content::Invalid(why) => not_taken(why),
                Content::Deleted => Outcome::Deleted,
            };
            (entry, outcome)
        })
        .buffered(AT_ONCE);
    let mut report = Report {
        out,
        file,
        counts: Counts::default(),
        unavailable: 0,
    };
    let mut stored = HashMap::new();
    while let Some((entry, outcome)) = outcomes.next().await {
        report.row(entry.line, entry.old_id, &outcome)?;
        if report.unavailable == MAX_UNAVAILABLE {
            return Err(ImportError::Unavailable);
        }
        if let (Outcome::Imported | Outcome::AlreadyThere, Some(id), Content::Valid(value)) =
            (outcome, entry.old_id, &entry.content)
        {
            stored.insert(id, value);
        }
    }
    Ok((report.counts, stored))
}

impl<U: UserRepository, F: FoodRepository, I: ImageStore, R: ImageRenderer> Stores<U, F, I, R> {
    async fn take_user(&self, old: &OldUser) -> Outcome {
        let (user, password) = (&old.user, &old.password);
        match self.users.create(user, password).await {
            Ok(()) => Outcome::Imported,
            Err(InsertUserError::EmailTaken) => {
                match self.users.find_credentials(&user.email).await {
                    Ok(Some(found)) if found.user.id == user.public.id => Outcome::AlreadyThere,
                    Ok(Some(_)) => not_taken("email: another account has the address"),
                    Ok(None) => not_taken("email: the account is there with another address"),
                    Err(error) => error.into(),
                }
            }
            Err(InsertUserError::Storage(error)) => error.into(),
        }
    }

    async fn take_food(&self, old: &OldFood, creator: &PublicUser) -> Outcome {
        match self.foods.find_consistent(old.id).await {
            Ok(None) => {}
            Ok(Some(_)) => return Outcome::AlreadyThere,
            Err(error) => return error.into(),
        }
        let bytes = match self.image_source.load(&old.image).await {
            Ok(bytes) => bytes,
            Err(error) => return Outcome::NotTaken(format!("food_image: {error}")),
        };
        let id = old.image_id(&bytes);
        let image = match render_image(&self.renderer, bytes, self.image_source.max_bytes).await {
            Ok(renditions) => store_image(&self.images, old.id, id, renditions).await,
            Err(error) => return Outcome::NotTaken(format!("food_image: {error}")),
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
        };
        match self.foods.create(&food).await {
            Ok(()) => Outcome::Imported,
            // Nothing here is an upload.
            Err(InsertFoodError::TitleTaken | InsertFoodError::UploadTaken) => {
                match self.foods.find_consistent(food.id).await {
                    // By another run at this moment, with this very image.
                    Ok(Some(_)) => Outcome::AlreadyThere,
                    Ok(None) => {
                        // An image left behind harms nobody.
                        let _ = self.images.delete(&food.rendition_keys()).await;
                        not_taken("title: another food has it")
                    }
                    Err(error) => error.into(),
                }
            }
            // The next run writes the image in its place again.
            Err(InsertFoodError::Storage(error)) => error.into(),
        }
    }
}

fn not_taken(why: &str) -> Outcome {
    Outcome::NotTaken(why.to_owned())
}

impl From<StorageError> for Outcome {
    fn from(error: StorageError) -> Self {
        match &error {
            StorageError::Unavailable(source) | StorageError::Rejected(source) => {
                let mut why = error.to_string();
                let mut cause: Option<&dyn Error> = Some(source.as_ref());
                while let Some(error) = cause {
                    why.extend([": ", &error.to_string().replace('\n', " ")]);
                    cause = error.source();
                }
                Self::Unavailable(why)
            }
            StorageError::Corrupt(_) => Self::NotTaken(error.to_string()),
        }
    }
}
