//! `POST /user/new`: somebody is made in advance, and claimed by the first sign-in with that address from a provider
//! whose `domains` name its domain.
use super::{Actor, Manage, Refusal, shape};
use crate::{
    manage::{body::Body, chosen_id::chosen},
    model::{AccessKey, Email, KeyId, Lifetime, Limits, ModelList, Role, User, UserId},
    store::{
        keys::FreshKey,
        members::TeamsOf,
        users::UserById,
        users_change::{Made, NewUser, UserPatch},
    },
    web,
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde_json::json;

pub(super) async fn post(
    State(manage): State<Manage>,
    actor: Actor,
    mut body: Body,
) -> Result<Response, Refusal> {
    actor.must_be_admin()?;
    let id = match body.text("user_id")?.flatten() {
        Some(text) => chosen(&text, "user_id").map(|()| UserId::named(&text))?,
        None => UserId::new(manage.entropy.draw()),
    };
    let patch = manage.fields_of_user(&mut body)?;
    let named = body.texts("teams")?.flatten().unwrap_or_default();
    let (key_alias, duration) = (body.text("key_alias")?.flatten(), body.lifetime()?.flatten());
    let with_key = body.yes("auto_create_key")?.flatten().unwrap_or(true);
    if body.yes("send_invite_email")?.flatten() == Some(true) {
        return Err(Refusal::field(
            "send_invite_email",
            "cannot be done: no mail is sent from here",
        ));
    }
    body.done()?;
    let mut teams = Vec::new();
    for text in named {
        teams.push(manage.team(&actor, &text).await?.0.id);
    }
    let secret = AccessKey::new(manage.entropy.draw());
    let key = with_key.then(|| manage.first_key(&secret, &id, key_alias, duration)).transpose()?;
    let (key_id, ends) =
        (key.as_ref().map(|k| k.id.clone()), key.as_ref().and_then(|k| k.expires_at));
    let act = actor.act(manage.entropy.draw(), manage.clock.now());
    let made = manage.store.write(NewUser { id: id.clone(), patch, teams, key, act }).await?;
    refused(made)?;
    let listed = manage.store.read(UserById(id.clone())).await?;
    let listed = listed.ok_or(Refusal::NotFound("person", "user_id"))?;
    let teams = manage.store.read(TeamsOf(id)).await?;
    let mut shape = shape::user(&listed, Some(&teams));
    shape["note"] = json!(manage.nobody_claims(&listed.user));
    if with_key {
        shape["key"] = json!(secret.expose());
        shape["token_id"] = json!(key_id);
        shape["expires"] = json!(ends.map(crate::model::Timestamp::rfc3339));
    }
    Ok(web::no_store(Json(shape).into_response()))
}

impl Manage {
    /// Somebody with an id or an address and nothing else.
    pub(in crate::manage) async fn make_in_advance(
        &self,
        actor: &Actor,
        id: Option<String>,
        email: Option<String>,
    ) -> Result<UserId, Refusal> {
        let id = match id {
            Some(text) => chosen(&text, "user_id").map(|()| UserId::named(&text))?,
            None => UserId::new(self.entropy.draw()),
        };
        let email = email.map(good_email).transpose()?;
        let patch = UserPatch { email: email.map(Some), ..UserPatch::default() };
        let act = actor.act(self.entropy.draw(), self.clock.now());
        let new = NewUser { id: id.clone(), patch, teams: Vec::new(), key: None, act };
        refused(self.store.write(new).await?)?;
        Ok(id)
    }

    /// What a script's author would otherwise find out by a second account.
    fn nobody_claims(&self, user: &User) -> Option<String> {
        let domain = Email::parse(user.email.as_deref()?)?.domain().to_owned();
        let claimed = self.domains.contains(&domain);
        (!claimed).then(|| {
            format!(
                "No sign-in will claim this person: no provider's [[idp]] domains (or signin.claim_domains) \
                 names {domain}."
            )
        })
    }

    fn first_key(
        &self,
        secret: &AccessKey,
        user: &UserId,
        alias: Option<String>,
        duration: Option<Lifetime>,
    ) -> Result<FreshKey, Refusal> {
        let at = self.clock.now();
        let allowed = self.rules.of_key(Limits::default(), duration);
        let (limits, duration) = allowed.map_err(|(field, why)| Refusal::field(field, why))?;
        Ok(FreshKey {
            id: KeyId::new(self.entropy.draw()),
            hash: secret.hash(),
            hint: secret.hint(),
            alias,
            user: user.clone(),
            grant: None,
            app: None,
            team: None,
            models: ModelList::default(),
            metadata: "{}".into(),
            signed_in_at: at,
            expires_at: duration.map(|duration| at.plus(duration.seconds())),
            limits: limits.into(),
            budget: None,
            parent: None,
        })
    }
}

fn refused(made: Made) -> Result<(), Refusal> {
    match made {
        Made::Done => Ok(()),
        Made::IdTaken => Err(Refusal::field("user_id", "is another person's")),
        Made::IdUsed => {
            let why = "was used before by somebody who is gone; ids are not used twice";
            Err(Refusal::field("user_id", why))
        }
        Made::EmailTaken => {
            let why = "belongs to somebody who has signed in, or was made in advance, already";
            Err(Refusal::field("user_email", why))
        }
        Made::NoSuchTeam => Err(Refusal::field("teams", "names a team that is gone")),
    }
}

fn good_email(email: String) -> Result<String, Refusal> {
    let good = Email::parse(&email).is_some();
    let why = "must be a plain address, such as ada@acme.example";
    good.then_some(email).ok_or_else(|| Refusal::field("user_email", why))
}

impl Manage {
    /// What may be said of a person, at the making and later.
    pub(super) fn fields_of_user(&self, body: &mut Body) -> Result<UserPatch, Refusal> {
        let role = match body.text("user_role")? {
            None => None,
            Some(None) => Some(None),
            Some(Some(text)) => Some(Some(Role::parse(&text).ok_or_else(|| {
                let all =
                    "proxy_admin, proxy_admin_viewer, internal_user, internal_user_viewer or null";
                Refusal::field("user_role", format!("must be {all}"))
            })?)),
        };
        let email = body.text("user_email")?;
        Ok(UserPatch {
            email: email.map(|email| email.map(good_email).transpose()).transpose()?,
            name: body.text("user_alias")?,
            role,
            models: body.models()?.map(Option::unwrap_or_default),
            metadata: body.metadata()?,
            default_team: None,
            limits: self.limits(body)?,
        })
    }
}
