//! A proven identity becomes a session, if policy lets it in. Whoever is refused who was known is out from then on.
use super::{
    Signin,
    paths::{sso_path, with_the_way_back},
};
use crate::{
    idp::Idp,
    model::{
        Hash, Identity, OwnPath, Refused, Role, RoleSaid, SessionId, TeamId, UserId, teams_of,
    },
    store::{
        self, accounts,
        audit::{Act, Note},
        leaving::TurnAway,
        sign_in::{FreshSession, SignIn, SignedIn},
    },
    web::{self, ClientAddress, Problem, Session, Site},
};
use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

/// Who came back, from where, and where they go.
pub(super) struct Arrival<'a> {
    pub(super) identity: Identity,
    /// `None`: a local account.
    pub(super) idp: Option<&'a Idp>,
    pub(super) return_to: OwnPath,
    pub(super) visitor: Visitor,
}

/// The browser, as a session remembers it.
pub(super) struct Visitor {
    pub(super) address: ClientAddress,
    /// The sessions it had: the new one replaces them.
    replaces: Vec<Hash>,
    agent: Option<String>,
}

/// What is kept of a browser's own name.
const LONGEST_AGENT: usize = 200;

impl Visitor {
    pub(super) fn of(site: &Site, headers: &HeaderMap, address: ClientAddress) -> Self {
        let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        let agent = agent.map(|agent| agent.chars().take(LONGEST_AGENT).collect());
        Self { address, replaces: Session::claimed(site, headers), agent }
    }
}

impl Arrival<'_> {
    fn idp_name(&self) -> &str {
        self.idp.map_or("local", Idp::name)
    }
}

pub(super) async fn complete(signin: &Signin, arrival: Arrival<'_>) -> Response {
    let at = signin.clock.now();
    let act = Act {
        id: Hash(signin.entropy.draw()),
        at,
        actor: format!("{} at {}", arrival.identity.subject, arrival.identity.issuer),
        address: Some(arrival.visitor.address.to_string()),
    };
    let role = match admit(signin, &arrival.identity, arrival.idp) {
        Ok(role) => role,
        Err(why) => return refused(signin, &act, &arrival, &why).await,
    };
    let session = SessionId::new(signin.entropy.draw());
    let (idp, return_to) = (arrival.idp_name().to_owned(), arrival.return_to.clone());
    let operation = operation(signin, arrival, role, &session, act);
    let signed_in = async {
        let signed_in = signin.store.write(operation).await?;
        // What it changed counts here from now on.
        signin.guard.catch_up().await?;
        Ok::<_, store::Error>(signed_in)
    };
    match signed_in.await {
        Ok(SignedIn::Done(user)) => {
            tracing::info!(user = %user.id, idp, "signed in");
            let mut response = web::see_other(return_to.as_str());
            let headers = response.headers_mut();
            headers.append(header::SET_COOKIE, Session::cookie(&signin.site, &session));
            headers.append(header::SET_COOKIE, Session::forget_the_end(&signin.site));
            response
        }
        Ok(SignedIn::SwitchedOff) => {
            let text = "This way of signing in has just been taken out of the settings.";
            Problem::new(StatusCode::FORBIDDEN, "You may not sign in by this", text)
                .with_way("Sign in", "/login")
                .into_response()
        }
        Ok(SignedIn::Blocked(user)) => {
            tracing::warn!(%user, "a blocked person tried to sign in");
            let text = "An admin has blocked your account. Ask them if you think this is wrong.";
            Problem::new(StatusCode::FORBIDDEN, "Your account is blocked", text).into_response()
        }
        Err(error) => Problem::unavailable(&error).into_response(),
    }
}

fn operation(
    signin: &Signin,
    arrival: Arrival<'_>,
    role: RoleSaid,
    session: &SessionId,
    act: Act,
) -> SignIn {
    let policy = &signin.settings.policy;
    let fresh_team = || TeamId::new(signin.entropy.draw());
    let groups = arrival.identity.groups.as_deref();
    let teams = groups.map(|groups| {
        teams_of(&policy.teams, groups).into_iter().map(|name| (name, fresh_team())).collect()
    });
    let idp = arrival.idp_name().to_owned();
    let claims = arrival.idp.and_then(|idp| idp.authoritative_email(&arrival.identity));
    let Visitor { address, replaces, agent } = arrival.visitor;
    SignIn {
        identity: arrival.identity,
        fresh: UserId::new(signin.entropy.draw()),
        role,
        idp,
        claims,
        teams,
        default_team: policy.default_team.clone().map(|name| (name, fresh_team())),
        session: FreshSession {
            hash: session.hash(),
            expires_at: act.at.plus(signin.settings.session_lifetime.seconds()),
            address: address.to_string(),
            agent,
        },
        replaces,
        act,
    }
}

/// What the person may be. Rules about what a provider says do not speak of accounts an admin made here.
pub(super) fn admit(
    signin: &Signin,
    identity: &Identity,
    idp: Option<&Idp>,
) -> Result<RoleSaid, Refused> {
    let policy = &signin.settings.policy;
    if identity.issuer == accounts::ISSUER {
        let is_admin = policy.admin_subject.as_deref() == Some(identity.subject.as_str());
        let role = if is_admin { Some(Role::ProxyAdmin) } else { identity.role };
        return Ok(role.map_or(RoleSaid::Nothing, RoleSaid::Is));
    }
    if identity.groups.is_none() && policy.looks_at_groups() {
        tracing::warn!(
            issuer = identity.issuer,
            "a provider says nothing of groups: roles and memberships stay as they are"
        );
    }
    policy.admit(identity, idp.map(Idp::tenants).unwrap_or_default())
}

async fn refused(signin: &Signin, act: &Act, arrival: &Arrival<'_>, why: &Refused) -> Response {
    let idp = arrival.idp_name();
    let words = why.to_string();
    tracing::warn!(idp, why = words, "a sign-in was refused");
    let noted = async {
        signin.store.write(Note(act.entry("signin.refused", idp).saying(&*words))).await?;
        if why.is_known() {
            let turn_away = TurnAway {
                issuer: arrival.identity.issuer.clone(),
                subject: arrival.identity.subject.clone(),
                why: why.for_lists().into(),
                act: Act { id: Hash(signin.entropy.draw()), ..act.clone() },
            };
            signin.store.write(turn_away).await?;
            signin.guard.catch_up().await?;
        }
        Ok::<_, store::Error>(())
    };
    if let Err(error) = noted.await {
        return Problem::unavailable(&error).into_response();
    }
    let other = format!("{}&switch=true", sso_path(idp, &arrival.return_to));
    let page = Problem::new(StatusCode::FORBIDDEN, "You may not sign in here", words)
        .with_way("Use another account", other);
    with_the_way_back(page, &arrival.return_to).into_response()
}
