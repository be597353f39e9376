//! `/sso/callback`: a browser comes back from a provider. It makes a session and nothing else.
use super::{
    Signin,
    complete::{Arrival, Visitor, complete},
    debug,
    leave::Gone,
    paths::{own_path, sso_path},
};
use crate::{
    idp::{Answer, Fault, Idp, Leg},
    model::{Identity, OwnPath, State as Secret},
    store::signins::{SigninOf, TakeSignin},
    web::{self, Browser, ClientAddress, Problem},
};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};

/// `/sso/callback/{name}`: each provider has one path (mix-up, row U3). Those of LiteLLM's variables share
/// `/sso/callback`, where the state says which one it was.
pub(super) async fn get(
    State(signin): State<Signin>,
    address: ClientAddress,
    browser: Browser,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    back(&signin, (address, browser, headers), &uri).await
}

async fn back(
    signin: &Signin,
    (address, browser, headers): (ClientAddress, Browser, HeaderMap),
    uri: &Uri,
) -> Response {
    let fresh = own_path(None);
    let Some((state, answer)) = parse(uri) else { return over(&fresh) };
    let at = signin.clock.now();
    let hash = Secret::presented(&state).hash();
    let (row, expires_at) = match signin.store.read(SigninOf { state: hash }).await {
        Ok(Some(found)) => found,
        // Used, or never ours: Back, a reload or a bookmark (K08).
        Ok(None) => return over(&fresh),
        Err(error) => return Problem::unavailable(&error).into_response(),
    };
    // A provider that was taken out meanwhile brings nobody in (row U7).
    let Some(idp) = signin.idps.named(&row.idp) else { return over(&fresh) };
    let here = idp.callback() == uri.path();
    let Some(binding) = browser.bound(row.browser).filter(|_| here) else {
        tracing::warn!(
            idp = idp.name(),
            "a sign-in came back in another browser, or for another provider"
        );
        return elsewhere();
    };
    let return_to = own_path(Some(row.return_to));
    if at >= expires_at {
        return over(&return_to);
    }
    let redirect_uri = format!("{}{}", signin.site.base_url(), idp.callback());
    let state = Secret::presented(&state);
    let Some(leg) = Leg::new(&signin.keyring, row.secret, binding, state, redirect_uri) else {
        return over(&return_to);
    };
    let take = TakeSignin { state: hash, browser: row.browser, idp: idp.name().to_owned(), at };
    match identify(signin, take, idp, &answer, &leg).await {
        Ok(Some(identity)) => {
            if debug::is_asked(&return_to) {
                return debug::show(signin, &headers, &identity, Some(idp)).await;
            }
            let visitor = Visitor::of(&signin.site, &headers, address);
            complete(signin, Arrival { identity, idp: Some(idp), return_to, visitor }).await
        }
        Ok(None) => over(&return_to),
        Err(gone) => gone.page(idp.name(), &return_to),
    }
}

/// The state is used up first: whatever the provider says, it says it once.
async fn identify(
    signin: &Signin,
    take: TakeSignin,
    idp: &Idp,
    answer: &Answer,
    leg: &Leg,
) -> Result<Option<Identity>, Gone> {
    if !signin.store.write(take).await? {
        return Ok(None);
    }
    let identity = idp.identify(answer, leg).await?;
    if identity.subject.is_empty() {
        return Err(Fault::Invalid("the provider named nobody").into());
    }
    Ok(Some(identity))
}

/// `None` without a state, or with any parameter twice.
fn parse(uri: &Uri) -> Option<(String, Answer)> {
    let pairs = web::pairs(uri);
    let one = |name: &str| -> Result<Option<String>, ()> {
        let mut found = pairs.iter().filter(|(key, _)| key == name);
        let first = found.next().map(|(_, value)| value.clone());
        if found.next().is_some() { Err(()) } else { Ok(first) }
    };
    let state = one("state").ok()??;
    let answer =
        Answer { code: one("code").ok()?, error: one("error").ok()?, iss: one("iss").ok()? };
    Some((state, answer))
}

fn over(return_to: &OwnPath) -> Response {
    let text =
        "This sign-in was finished already, or took longer than five minutes. Nothing is lost.";
    Problem::new(StatusCode::GONE, "This sign-in is over", text)
        .with_way("Continue", return_to.as_str())
        .into_response()
}

fn elsewhere() -> Response {
    let text = "It was begun in another browser, so it cannot end in this one. If you did not begin \
                it yourself, somebody sent you a link: close this page.";
    Problem::new(StatusCode::FORBIDDEN, "This sign-in is not yours to finish", text)
        .with_way("Sign in here instead", sso_path("", &own_path(None)).replace("idp=&", ""))
        .into_response()
}
