//! All functions in one process, for the laptop and for tests: the same handlers, made from the same
//! settings, given the same events.

use crate::event::{Handler, answer};
use crate::handlers::{
    CreateFood, CreateUser, DeleteFood, GetFood, GetUser, ListFood, ListUsers, Login, Logout,
    Refresh, UpdateFood,
};
use crate::settings::{Settings, SettingsError};
use crate::setup::Setup;

/// All functions.
pub struct Api {
    create_user: CreateUser,
    list_users: ListUsers,
    get_user: GetUser,
    login: Login,
    logout: Logout,
    refresh: Refresh,
    create_food: CreateFood,
    list_food: ListFood,
    get_food: GetFood,
    update_food: UpdateFood,
    delete_food: DeleteFood,
}

impl Api {
    /// Makes every function. Connects to nothing.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let setup = &Setup::new(settings.clone())?;
        Ok(Self {
            create_user: CreateUser::new(setup)?,
            list_users: ListUsers::new(setup)?,
            get_user: GetUser::new(setup)?,
            login: Login::new(setup)?,
            logout: Logout::new(setup)?,
            refresh: Refresh::new(setup)?,
            create_food: CreateFood::new(setup)?,
            list_food: ListFood::new(setup)?,
            get_food: GetFood::new(setup)?,
            update_food: UpdateFood::new(setup)?,
            delete_food: DeleteFood::new(setup)?,
        })
    }

    /// Gives an event to the function of this name, as in [`crate::routes::ROUTES`], and its answer
    /// back, both as JSON. `None` when there is no such function.
    pub async fn invoke(&self, function: &str, event: &str) -> Option<String> {
        let response = match function {
            "create_user" => answer(&self.create_user, event).await,
            "list_users" => answer(&self.list_users, event).await,
            "get_user" => answer(&self.get_user, event).await,
            "login" => answer(&self.login, event).await,
            "logout" => answer(&self.logout, event).await,
            "refresh" => answer(&self.refresh, event).await,
            "create_food" => answer(&self.create_food, event).await,
            "list_food" => answer(&self.list_food, event).await,
            "get_food" => answer(&self.get_food, event).await,
            "update_food" => answer(&self.update_food, event).await,
            "delete_food" => answer(&self.delete_food, event).await,
            _ => return None,
        };
        Some(serde_json::to_string(&response).expect("our headers are text"))
    }
}
