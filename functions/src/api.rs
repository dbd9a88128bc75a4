//! All functions in one process, for the laptop and for tests: the same handlers, made from the same
//! settings, given the same events.

use crate::event::{Handler, answer};
use crate::handlers::{
    ChangePassword, CreateFood, CreateImageUpload, CreateUser, DeleteFood, DeleteUser, EndSession,
    EndSessions, GetDocs, GetFood, GetOpenapi, GetUser, ListFood, ListSessions, ListUsers, Login,
    Logout, ProcessImage, Refresh, SweepImages, UpdateFood,
};
use crate::notified::{Notified as _, ObjectCreated};
use crate::scheduled::Scheduled as _;
use crate::settings::{Settings, SettingsError};
use crate::setup::Setup;
use crate::watch::Outcome;

/// All functions.
pub struct Api {
    create_user: CreateUser,
    list_users: ListUsers,
    get_user: GetUser,
    change_password: ChangePassword,
    delete_user: DeleteUser,
    login: Login,
    logout: Logout,
    refresh: Refresh,
    list_sessions: ListSessions,
    end_session: EndSession,
    end_sessions: EndSessions,
    create_food: CreateFood,
    create_image_upload: CreateImageUpload,
    list_food: ListFood,
    get_food: GetFood,
    update_food: UpdateFood,
    delete_food: DeleteFood,
    get_openapi: GetOpenapi,
    get_docs: GetDocs,
    process_image: ProcessImage,
    sweep_images: SweepImages,
}

impl Api {
    /// Makes every function. Connects to nothing.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let setup = &Setup::new(settings.clone())?;
        Ok(Self {
            create_user: CreateUser::new(setup)?,
            list_users: ListUsers::new(setup)?,
            get_user: GetUser::new(setup)?,
            change_password: ChangePassword::new(setup)?,
            delete_user: DeleteUser::new(setup)?,
            login: Login::new(setup)?,
            logout: Logout::new(setup)?,
            refresh: Refresh::new(setup)?,
            list_sessions: ListSessions::new(setup)?,
            end_session: EndSession::new(setup)?,
            end_sessions: EndSessions::new(setup)?,
            create_food: CreateFood::new(setup)?,
            create_image_upload: CreateImageUpload::new(setup)?,
            list_food: ListFood::new(setup)?,
            get_food: GetFood::new(setup)?,
            update_food: UpdateFood::new(setup)?,
            delete_food: DeleteFood::new(setup)?,
            get_openapi: GetOpenapi::new(setup)?,
            get_docs: GetDocs::new(setup)?,
            process_image: ProcessImage::new(setup)?,
            sweep_images: SweepImages::new(setup)?,
        })
    }

    /// Gives an event to the function of this name, as in [`crate::routes::ROUTES`], and its answer
    /// back, both as JSON. `None` when there is no such function.
    pub async fn invoke(&self, function: &str, event: &str) -> Option<String> {
        let (answer, _) = self.watch(function, event).await?;
        Some(answer)
    }

    /// The same, with what the log should know.
    pub async fn watch(&self, function: &str, event: &str) -> Option<(String, Outcome)> {
        let response = match function {
            "create_user" => answer(&self.create_user, event).await,
            "list_users" => answer(&self.list_users, event).await,
            "get_user" => answer(&self.get_user, event).await,
            "change_password" => answer(&self.change_password, event).await,
            "delete_user" => answer(&self.delete_user, event).await,
            "login" => answer(&self.login, event).await,
            "logout" => answer(&self.logout, event).await,
            "refresh" => answer(&self.refresh, event).await,
            "list_sessions" => answer(&self.list_sessions, event).await,
            "end_session" => answer(&self.end_session, event).await,
            "end_sessions" => answer(&self.end_sessions, event).await,
            "create_food" => answer(&self.create_food, event).await,
            "create_image_upload" => answer(&self.create_image_upload, event).await,
            "list_food" => answer(&self.list_food, event).await,
            "get_food" => answer(&self.get_food, event).await,
            "update_food" => answer(&self.update_food, event).await,
            "delete_food" => answer(&self.delete_food, event).await,
            "get_openapi" => answer(&self.get_openapi, event).await,
            "get_docs" => answer(&self.get_docs, event).await,
            _ => return None,
        };
        let answer = serde_json::to_string(&response).expect("our headers are text");
        Some((answer, response.outcome))
    }

    /// Does what `EventBridge` has done with this event, as JSON, and tells whether it is done: if not,
    /// it should be told again later.
    pub async fn process_image(&self, event: &str) -> bool {
        let processed = match serde_json::from_str::<ObjectCreated>(event) {
            Ok(event) => self.process_image.handle(&event).await.map(|_| ()),
            Err(error) => Err(error.into()),
        };
        processed
            .inspect_err(|error| tracing::info!(error, "a picture is not processed yet"))
            .is_ok()
    }

    /// Does once what the clock has done every day: removes pictures without a food.
    pub async fn sweep_images(&self) {
        if let Err(error) = self.sweep_images.run().await {
            tracing::warn!(error, "pictures are not swept");
        }
    }
}
