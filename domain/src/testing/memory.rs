//! The ports in memory, for tests of the domain.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::attempt::Counter;
use crate::clock::{Clock, Timestamp};
use crate::food::Food;
use crate::id::{FoodId, ImageId, SessionId, TokenId, UserId};
use crate::idempotency::{Begun, KEPT, LEASE, Operation};
use crate::image::{Image, ImageKey, NewUpload, Upload, UploadKey, VariantKey, Variants};
use crate::page::{Page, PageRequest};
use crate::password::{HashError, Password, PasswordHash, PasswordHasher, Verdict};
use crate::repository::{
    CreateFoodError, CreateUserError, Credentials, DeleteFoodError, FoodRepository, Left,
    RepositoryError, UpdateFoodError, UserRepository,
};
use crate::session::{RefreshGrant, Rotation, Session};
use crate::store::{
    AttemptStore, IdempotencyStore, ImageStore, SessionStore, SignedUpload, StoredImage,
    UploadSigner, UploadStore, VariantStore,
};
use crate::token::{Claims, SignError, TokenError, TokenSigner};
use crate::user::{Email, PublicUser, User};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct FixedClock(AtomicI64);

impl FixedClock {
    /// Stands at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.unix_millis()))
    }

    /// Moves on.
    pub fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Default for FixedClock {
    /// Stands at 2026-10-14 18:20:05 UTC.
    fn default() -> Self {
        Self(AtomicI64::new(1_792_002_005_000))
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.0.load(Ordering::SeqCst))
            .expect("a test stays between 1970 and 9999")
    }
}

fn page<Id: Ord + Copy, T>(
    entries: impl Iterator<Item = (Id, T)>,
    request: PageRequest<Id>,
    is_after: impl Fn(Id, Id) -> bool,
) -> Page<T> {
    let mut items: Vec<T> = entries
        .filter(|(id, _)| request.after.is_none_or(|after| is_after(*id, after)))
        .map(|(_, item)| item)
        .take(request.size.get() + 1)
        .collect();
    let more = items.len() > request.size.get();
    items.truncate(request.size.get());
    Page { items, more }
}

/// Accounts in memory.
#[derive(Debug, Default)]
pub struct MemoryUsers {
    users: Mutex<BTreeMap<UserId, (User, PasswordHash)>>,
    left: Mutex<BTreeMap<UserId, Left>>,
}

impl MemoryUsers {
    /// The hash of the user's password, if there is such a user.
    pub fn password_of(&self, id: UserId) -> Option<PasswordHash> {
        lock(&self.users).get(&id).map(|(_, hash)| hash.clone())
    }

    /// The account, if there is one.
    pub fn account(&self, id: UserId) -> Option<User> {
        lock(&self.users).get(&id).map(|(user, _)| user.clone())
    }
}

impl UserRepository for MemoryUsers {
    async fn create(&self, user: &User, password: &PasswordHash) -> Result<(), CreateUserError> {
        let mut users = lock(&self.users);
        let is_taken = users.values().any(|(other, _)| other.email == user.email);
        if is_taken || users.contains_key(&user.public.id) {
            return Err(CreateUserError::EmailTaken);
        }
        users.insert(user.public.id, (user.clone(), password.clone()));
        Ok(())
    }

    async fn find(&self, id: UserId) -> Result<Option<PublicUser>, RepositoryError> {
        Ok(lock(&self.users)
            .get(&id)
            .map(|(user, _)| user.public.clone()))
    }

    async fn find_latest(&self, id: UserId) -> Result<Option<PublicUser>, RepositoryError> {
        self.find(id).await
    }

    async fn find_credentials(
        &self,
        email: &Email,
    ) -> Result<Option<Credentials>, RepositoryError> {
        Ok(lock(&self.users)
            .values()
            .find(|(user, _)| user.email == *email)
            .map(|(user, password)| Credentials {
                user: user.public.clone(),
                password: password.clone(),
            }))
    }

    async fn find_password(&self, id: UserId) -> Result<Option<PasswordHash>, RepositoryError> {
        Ok(self.password_of(id))
    }

    async fn list(
        &self,
        request: PageRequest<UserId>,
    ) -> Result<Page<PublicUser>, RepositoryError> {
        let users = lock(&self.users);
        let entries = users
            .iter()
            .map(|(id, (user, _))| (*id, user.public.clone()));
        Ok(page(entries, request, |id, after| id > after))
    }

    async fn replace_password(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, RepositoryError> {
        let mut users = lock(&self.users);
        let password = users.get_mut(&id).map(|(_, password)| password);
        let Some(password) = password.filter(|password| **password == *old) else {
            return Ok(false);
        };
        *password = new.clone();
        Ok(true)
    }

    async fn delete(&self, id: UserId, now: Timestamp) -> Result<(), RepositoryError> {
        if lock(&self.users).remove(&id).is_some() {
            lock(&self.left).insert(id, Left { user: id, at: now });
        }
        Ok(())
    }

    async fn list_left(&self, request: PageRequest<UserId>) -> Result<Page<Left>, RepositoryError> {
        let left = lock(&self.left);
        let entries = left.iter().map(|(id, left)| (*id, *left));
        Ok(page(entries, request, |id, after| id > after))
    }

    async fn forget_left(&self, id: UserId) -> Result<(), RepositoryError> {
        lock(&self.left).remove(&id);
        Ok(())
    }
}

/// Foods in memory. Saving can be made to fail.
#[derive(Debug, Default)]
pub struct MemoryFoods {
    foods: Mutex<BTreeMap<FoodId, Food>>,
    claims: Mutex<HashMap<ImageId, FoodId>>,
    fails: AtomicBool,
    loses_answers: AtomicBool,
    repeats: AtomicBool,
}

impl MemoryFoods {
    /// From now on nothing is saved, and nobody is told why.
    pub fn fail(&self) {
        self.fails.store(true, Ordering::SeqCst);
    }

    /// From now on everything is saved, and the caller hears of a failure.
    pub fn lose_answers(&self) {
        self.loses_answers.store(true, Ordering::SeqCst);
    }

    /// From now on every change is sent twice, as where the first answer was lost, and the caller
    /// hears the second answer.
    pub fn repeat(&self) {
        self.repeats.store(true, Ordering::SeqCst);
    }

    fn replace(&self, current: &Food, changed: &Food) -> Result<(), UpdateFoodError> {
        let mut foods = lock(&self.foods);
        if !is_current(&foods, current) {
            return Err(UpdateFoodError::Changed);
        }
        if is_taken(&foods, changed) {
            return Err(UpdateFoodError::TitleTaken);
        }
        if changed.upload != current.upload && !self.claim(changed) {
            return Err(UpdateFoodError::UploadTaken);
        }
        let stored = foods
            .get(&changed.id)
            .filter(|food| food.image == changed.image);
        let variants = stored.map(|food| food.variants.clone()).unwrap_or_default();
        let changed = Food {
            variants,
            ..changed.clone()
        };
        foods.insert(changed.id, changed);
        Ok(())
    }

    /// Whether the food's upload is its own from now on.
    fn claim(&self, food: &Food) -> bool {
        let Some(upload) = food.upload else {
            return true;
        };
        *lock(&self.claims).entry(upload).or_insert(food.id) == food.id
    }

    fn before_save(&self) -> Result<(), RepositoryError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(RepositoryError::Unavailable("the test says so".into()));
        }
        Ok(())
    }

    fn after_save(&self) -> Result<(), RepositoryError> {
        if self.loses_answers.load(Ordering::SeqCst) {
            return Err(RepositoryError::Unavailable("the answer is lost".into()));
        }
        Ok(())
    }
}

fn is_taken(foods: &BTreeMap<FoodId, Food>, food: &Food) -> bool {
    let folded = food.title.folded();
    foods
        .values()
        .any(|other| other.id != food.id && other.title.folded() == folded)
}

fn is_current(foods: &BTreeMap<FoodId, Food>, food: &Food) -> bool {
    foods.get(&food.id).is_some_and(|stored| {
        stored.version == food.version && stored.creator.id == food.creator.id
    })
}

impl FoodRepository for MemoryFoods {
    async fn create(&self, food: &Food) -> Result<(), CreateFoodError> {
        self.before_save()?;
        let mut foods = lock(&self.foods);
        if is_taken(&foods, food) || foods.contains_key(&food.id) {
            return Err(CreateFoodError::TitleTaken);
        }
        if !self.claim(food) {
            return Err(CreateFoodError::UploadTaken);
        }
        foods.insert(food.id, food.clone());
        Ok(self.after_save()?)
    }

    async fn find(&self, id: FoodId) -> Result<Option<Food>, RepositoryError> {
        self.find_latest(id).await
    }

    async fn find_latest(&self, id: FoodId) -> Result<Option<Food>, RepositoryError> {
        Ok(lock(&self.foods).get(&id).cloned())
    }

    async fn list(&self, request: PageRequest<FoodId>) -> Result<Page<Food>, RepositoryError> {
        let foods = lock(&self.foods);
        let entries = foods.iter().rev().map(|(id, food)| (*id, food.clone()));
        Ok(page(entries, request, |id, after| id < after))
    }

    async fn find_images(&self, ids: &[FoodId]) -> Result<Vec<ImageKey>, RepositoryError> {
        let foods = lock(&self.foods);
        let found = ids.iter().filter_map(|id| foods.get(id));
        Ok(found.map(|food| food.image.clone()).collect())
    }

    async fn list_by_owner(
        &self,
        owner: UserId,
        request: PageRequest<FoodId>,
    ) -> Result<Page<FoodId>, RepositoryError> {
        let foods = lock(&self.foods);
        let theirs = foods.values().filter(|food| food.creator.id == owner);
        let entries = theirs.map(|food| (food.id, food.id));
        Ok(page(entries, request, |id, after| id > after))
    }

    async fn update(&self, current: &Food, changed: &Food) -> Result<(), UpdateFoodError> {
        self.before_save()?;
        self.replace(current, changed)?;
        if self.repeats.load(Ordering::SeqCst) {
            self.replace(current, changed)?;
        }
        Ok(self.after_save()?)
    }

    async fn set_variants(
        &self,
        image: &ImageKey,
        variants: &Variants,
    ) -> Result<bool, RepositoryError> {
        self.before_save()?;
        let mut foods = lock(&self.foods);
        let shown = foods.get_mut(&image.food());
        let Some(food) = shown.filter(|food| food.image == *image) else {
            return Ok(false);
        };
        food.variants = variants.clone();
        self.after_save()?;
        Ok(true)
    }

    async fn delete(&self, food: &Food) -> Result<(), DeleteFoodError> {
        self.before_save()?;
        let mut foods = lock(&self.foods);
        if !is_current(&foods, food) {
            return Err(DeleteFoodError::Changed);
        }
        foods.remove(&food.id);
        Ok(self.after_save()?)
    }
}

/// Sessions in memory.
#[derive(Debug, Default)]
pub struct MemorySessions {
    sessions: Mutex<HashMap<(UserId, SessionId), Session>>,
    attempts: MemoryAttempts,
}

impl MemorySessions {
    /// How many sessions there are.
    pub fn count(&self) -> usize {
        lock(&self.sessions).len()
    }
}

impl SessionStore for MemorySessions {
    async fn create(&self, session: &Session, _now: Timestamp) -> Result<(), RepositoryError> {
        lock(&self.sessions).insert((session.user, session.id), session.clone());
        Ok(())
    }

    async fn find(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, RepositoryError> {
        Ok(lock(&self.sessions)
            .get(&(user, session))
            .filter(|session| !session.has_expired(now))
            .cloned())
    }

    async fn rotate(
        &self,
        user: UserId,
        session: SessionId,
        presented: TokenId,
        next: &RefreshGrant,
        now: Timestamp,
    ) -> Result<Rotation, RepositoryError> {
        let mut sessions = lock(&self.sessions);
        let Some(stored) = sessions
            .get_mut(&(user, session))
            .filter(|stored| !stored.has_expired(now))
        else {
            return Ok(Rotation::Ended);
        };
        if stored.refresh.token == presented {
            *stored = stored.rotated(next.clone(), now);
            return Ok(Rotation::Rotated(stored.clone()));
        }
        if stored.is_in_grace(presented, now) {
            return Ok(Rotation::Repeated(stored.clone()));
        }
        sessions.remove(&(user, session));
        Ok(Rotation::Reused)
    }

    async fn revoke(&self, user: UserId, session: SessionId) -> Result<(), RepositoryError> {
        lock(&self.sessions).remove(&(user, session));
        Ok(())
    }

    async fn list(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, RepositoryError> {
        let sessions = lock(&self.sessions);
        let living = sessions
            .values()
            .filter(|session| session.user == user && !session.has_expired(now));
        Ok(living.cloned().collect())
    }

    async fn revoke_all(
        &self,
        user: UserId,
        except: Option<SessionId>,
    ) -> Result<(), RepositoryError> {
        lock(&self.sessions).retain(|(owner, id), _| *owner != user || except == Some(*id));
        Ok(())
    }
}

impl AttemptStore for MemorySessions {
    async fn count(&self, counter: &Counter) -> Result<u64, RepositoryError> {
        self.attempts.count(counter).await
    }

    async fn give_back(&self, counter: &Counter) -> Result<(), RepositoryError> {
        self.attempts.give_back(counter).await
    }
}

/// Attempts in memory.
#[derive(Debug, Default)]
pub struct MemoryAttempts(Mutex<HashMap<String, u64>>);

impl AttemptStore for MemoryAttempts {
    async fn count(&self, counter: &Counter) -> Result<u64, RepositoryError> {
        let mut counts = lock(&self.0);
        let count = counts.entry(counter.name.clone()).or_default();
        *count += 1;
        Ok(*count)
    }

    async fn give_back(&self, counter: &Counter) -> Result<(), RepositoryError> {
        if let Some(count) = lock(&self.0).get_mut(&counter.name) {
            *count = count.saturating_sub(1);
        }
        Ok(())
    }
}

/// Operations in memory.
#[derive(Debug, Default)]
pub struct MemoryOperations(Mutex<HashMap<String, KeptOperation>>);

#[derive(Debug)]
struct KeptOperation {
    fingerprint: String,
    resource: String,
    lease_ends_at: Option<Timestamp>,
    answer: Option<String>,
    forgotten_at: Timestamp,
}

impl IdempotencyStore for MemoryOperations {
    async fn begin(
        &self,
        operation: &Operation,
        resource: &str,
        now: Timestamp,
    ) -> Result<Begun, RepositoryError> {
        let mut operations = lock(&self.0);
        let kept = operations.get_mut(&operation.id);
        let Some(kept) = kept.filter(|kept| kept.forgotten_at > now) else {
            let new = KeptOperation {
                fingerprint: operation.fingerprint.clone(),
                resource: resource.to_owned(),
                lease_ends_at: Some(now.plus(LEASE)),
                answer: None,
                forgotten_at: now.plus(KEPT),
            };
            operations.insert(operation.id.clone(), new);
            return Ok(Begun::Yours(resource.to_owned()));
        };
        if kept.fingerprint != operation.fingerprint {
            return Ok(Begun::Different);
        }
        if let Some(answer) = &kept.answer {
            return Ok(Begun::Done(answer.clone()));
        }
        let is_running = kept.lease_ends_at.is_some_and(|ends_at| ends_at > now);
        if is_running && kept.resource != resource {
            return Ok(Begun::Running);
        }
        kept.lease_ends_at = Some(now.plus(LEASE));
        Ok(Begun::Yours(kept.resource.clone()))
    }

    async fn finish(&self, operation: &Operation, answer: &str) -> Result<(), RepositoryError> {
        if let Some(kept) = lock(&self.0).get_mut(&operation.id) {
            kept.answer.get_or_insert_with(|| answer.to_owned());
        }
        Ok(())
    }

    async fn release(&self, operation: &Operation) -> Result<(), RepositoryError> {
        if let Some(kept) = lock(&self.0).get_mut(&operation.id) {
            kept.lease_ends_at = None;
        }
        Ok(())
    }
}

/// Pictures, their variants and uploads in memory, kept since the moment of a sample.
#[derive(Debug, Default)]
pub struct MemoryImages {
    objects: Mutex<BTreeMap<String, (Bytes, Timestamp)>>,
    uploads: Mutex<HashMap<String, Upload>>,
}

impl MemoryImages {
    /// The picture under the key.
    pub fn get(&self, key: &ImageKey) -> Option<Image> {
        let bytes = self.object(key.as_str())?;
        let max_bytes = bytes.len();
        Some(Image::parse(bytes, max_bytes).expect("a picture"))
    }

    /// What is under any key.
    pub fn object(&self, key: &str) -> Option<Bytes> {
        let objects = lock(&self.objects);
        objects.get(key).map(|(bytes, _)| bytes.clone())
    }

    /// How many objects there are.
    pub fn count(&self) -> usize {
        lock(&self.objects).len()
    }

    /// Uploads it, as its owner would.
    pub fn upload(&self, upload: Upload) {
        self.keep(upload.key.as_str(), upload.bytes.clone());
        let mut uploads = lock(&self.uploads);
        uploads.insert(upload.key.as_str().to_owned(), upload);
    }

    fn keep(&self, key: &str, bytes: Bytes) {
        let kept = (bytes, sample::moment());
        lock(&self.objects).insert(key.to_owned(), kept);
    }
}

impl UploadStore for MemoryImages {
    async fn find_upload(
        &self,
        key: &UploadKey,
        max_bytes: usize,
    ) -> Result<Option<Upload>, RepositoryError> {
        let found = lock(&self.uploads).get(key.as_str()).cloned();
        Ok(found.map(|mut upload| {
            upload.bytes.truncate(max_bytes + 1);
            upload
        }))
    }

    async fn delete_upload(&self, key: &UploadKey) -> Result<(), RepositoryError> {
        lock(&self.objects).remove(key.as_str());
        lock(&self.uploads).remove(key.as_str());
        Ok(())
    }
}

impl UploadSigner for MemoryImages {
    fn sign(
        &self,
        key: &UploadKey,
        upload: &NewUpload,
        now: Timestamp,
        lifetime: Duration,
    ) -> SignedUpload {
        let fields = [
            ("key", key.as_str().to_owned()),
            ("Content-Type", upload.kind.media_type().to_owned()),
            ("bytes", upload.bytes.to_string()),
            ("until", now.plus(lifetime).to_string()),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        SignedUpload {
            url: "memory:".to_owned(),
            fields: fields.into(),
        }
    }
}

impl VariantStore for MemoryImages {
    async fn find_image(&self, key: &ImageKey) -> Result<Option<Bytes>, RepositoryError> {
        Ok(self.object(key.as_str()))
    }

    async fn put_variant(&self, key: &VariantKey, bytes: Bytes) -> Result<(), RepositoryError> {
        self.keep(key.as_str(), bytes);
        Ok(())
    }
}

impl ImageStore for MemoryImages {
    async fn put(&self, key: &ImageKey, image: &Image) -> Result<(), RepositoryError> {
        self.keep(key.as_str(), image.bytes().clone());
        Ok(())
    }

    async fn delete(&self, key: &ImageKey) -> Result<(), RepositoryError> {
        let mut objects = lock(&self.objects);
        objects.remove(key.as_str());
        for variant in key.variants() {
            objects.remove(variant.as_str());
        }
        Ok(())
    }

    async fn list(&self, after: Option<&str>) -> Result<Vec<StoredImage>, RepositoryError> {
        let objects = lock(&self.objects);
        let following = objects
            .iter()
            .filter(|(key, _)| after.is_none_or(|after| key.as_str() > after));
        let stored = following.map(|(key, (_, stored_at))| StoredImage {
            key: key.clone(),
            stored_at: *stored_at,
        });
        Ok(stored.take(1_000).collect())
    }
}

/// Hashes nothing, and counts how often it was asked.
#[derive(Debug, Default)]
pub struct PlainHasher {
    asked: AtomicI64,
}

impl PlainHasher {
    /// How often something was hashed or compared.
    pub fn asked(&self) -> i64 {
        self.asked.load(Ordering::SeqCst)
    }
}

impl PasswordHasher for PlainHasher {
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(PasswordHash::new(format!("new:{}", password.reveal())))
    }

    fn verify(&self, password: &Password, hash: &PasswordHash) -> Verdict {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match hash.as_str().split_once(':') {
            Some(("new", secret)) if secret == password.reveal() => Verdict::Right,
            Some(("old", secret)) if secret == password.reveal() => Verdict::RightButOutdated,
            _ => Verdict::Wrong,
        }
    }

    fn decoy(&self) -> PasswordHash {
        PasswordHash::new("decoy".to_owned())
    }
}

/// Signs with a name instead of a secret.
#[derive(Debug, Clone)]
pub struct PlainSigner(pub &'static str);

impl TokenSigner for PlainSigner {
    fn sign(&self, claims: &Claims) -> Result<String, SignError> {
        Ok(format!(
            "{}|{}|{}|{}|{}|{}",
            self.0,
            claims.user,
            claims.session,
            claims.token,
            claims.issued_at.unix_seconds(),
            claims.expires_at.unix_seconds()
        ))
    }

    fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        let parts: Vec<&str> = token.split('|').collect();
        let [signer, user, session, jti, issued_at, expires_at] = parts[..] else {
            return Err(TokenError::Malformed);
        };
        if signer != self.0 {
            return Err(TokenError::Refused);
        }
        let time = |raw: &str| raw.parse().ok().and_then(Timestamp::from_unix_seconds);
        let claims = (|| {
            Some(Claims {
                user: UserId::parse(user).ok()?,
                session: SessionId::parse(session).ok()?,
                token: TokenId::parse(jti).ok()?,
                issued_at: time(issued_at)?,
                expires_at: time(expires_at)?,
            })
        })()
        .ok_or(TokenError::Malformed)?;
        if claims.expires_at <= now {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }
}

/// Things to test with.
pub mod sample {
    use std::sync::atomic::{AtomicU64, Ordering};

    use bytes::Bytes;

    use super::{FixedClock, Timestamp};
    use crate::clock::Clock;
    use crate::food::{Description, Food, Title};
    use crate::id::{FoodId, UserId};
    use crate::image::{Image, ImageKey, ImageKind, Variants};
    use crate::user::{Email, PublicUser, User, UserName};

    static NEXT: AtomicU64 = AtomicU64::new(1);

    /// A moment all samples agree on, each time a millisecond later.
    pub fn moment() -> Timestamp {
        let step = NEXT.fetch_add(1, Ordering::SeqCst);
        FixedClock::default()
            .now()
            .plus(std::time::Duration::from_millis(step))
    }

    /// A user with an address of their own.
    pub fn user() -> User {
        let created_at = moment();
        User {
            public: public_user(created_at),
            email: Email::parse(&format!("ada.{}@example.com", created_at.unix_millis()))
                .expect("an address"),
            created_at,
        }
    }

    /// Ada, with an id of her own.
    pub fn public_user(now: Timestamp) -> PublicUser {
        PublicUser {
            id: UserId::new(now),
            first_name: UserName::parse("Ada").expect("a name"),
            last_name: UserName::parse("Lovelace").expect("a name"),
        }
    }

    /// A food with a title of its own, shared by `creator`.
    pub fn food(creator: &PublicUser) -> Food {
        let now = moment();
        let id = FoodId::new(now);
        Food {
            id,
            creator: creator.clone(),
            title: Title::parse(&format!("Jollof rice {}", now.unix_millis())).expect("a title"),
            description: Description::sanitize("<p>With <b>plantain</b></p>")
                .expect("a description"),
            image: ImageKey::new(id, ImageKind::Gif, now),
            upload: None,
            variants: Variants::default(),
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    /// The smallest picture: a GIF of one pixel.
    pub const GIF: &[u8] =
        b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

    /// The smallest picture, recognised.
    pub fn image() -> Image {
        Image::parse(Bytes::from_static(GIF), GIF.len()).expect("a picture")
    }
}
