//! The account page, the people pages, and the password of a local account.
use crate::support::{Browser, EDITOR, Gate, MASTER_KEY, Seen};
use gatekey::{model::Handle, store::accounts::OfferReset};
use serde_json::json;

fn token(seen: &Seen) -> String {
    let (_, rest) = seen.body.split_once("name=\"token\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// An admin's browser, and ada's, who has a session, a team and two apps.
async fn world(test: &str) -> (Gate, Browser, Browser, String) {
    let gate = Gate::with(test, "signin.admin_subject = \"root\"").await;
    let ada = gate.browser_of("ada").await;
    ada.json_key().await;
    let form = ada.open(EDITOR, "").await;
    ada.press("allow", &form).await;
    let admin = gate.browser_of("root").await;
    let people = gate.people().await;
    let id = people.iter().find(|p| p.user.name.as_deref() == Some("ada")).unwrap();
    let id = id.user.id.to_string();
    let body = json!({"team_alias": "Data & Co", "members": [id]});
    assert_eq!(gate.manage("/team/new", MASTER_KEY, body).await.status, 200);
    (gate, admin, ada, id)
}

#[tokio::test]
async fn the_account_page_has_profile_teams_sessions_and_keys_by_app() {
    let (gate, _, ada, _) = world("pages_account").await;
    let page = ada.get("/").await;
    for says in [
        "ada@acme.example",
        "Data &#38; Co",
        "this browser",
        "127.0.0.1",
        "Roo Code",
        "This browser",
    ] {
        assert!(page.body.contains(says), "{says} in {}", page.body);
    }
    assert!(!page.body.contains("href=\"/people\""), "only for admins");
    // CVE-2026-12796: another sign-in elsewhere is ended here.
    let elsewhere = gate.browser_of("ada").await;
    assert_eq!(elsewhere.get("/").await.status, 200);
    for (token, status) in [("forged", 403), (token(&page).as_str(), 303)] {
        assert_eq!(ada.post("/signout-everywhere", &[("token", token)]).await.status, status);
    }
    assert!(elsewhere.get("/").await.location.is_some() && ada.get("/").await.location.is_some());
    assert!(gate.audit().await.iter().any(|(action, _)| action == "signout.everywhere"));
}

#[tokio::test]
async fn an_admin_finds_a_person_and_blocks_and_unblocks_them_with_a_reason() {
    let (gate, admin, ada, id) = world("pages_people").await;
    let found = admin.get("/people?search=ADA").await;
    assert!(found.body.contains("ada@acme.example") && found.body.contains("1 found"), "{found:?}");
    let none = admin.get("/people?search=%3Cb%3Enobody").await;
    assert!(
        none.body.contains("&#60;b&#62;nobody") && !none.body.contains("<b>nobody"),
        "{none:?}"
    );
    let path = format!("/people/{id}");
    let page = admin.get(&path).await;
    for says in ["ada@acme.example", "Data &#38; Co", "Roo Code", "127.0.0.1", "signin"] {
        assert!(page.body.contains(says), "{says} in {}", page.body);
    }
    let token = token(&page);
    let fields = [("token", token.as_str()), ("back", path.as_str()), ("reason", "<i>left</i>")];
    let seen = admin.post(&format!("{path}/block"), &fields).await;
    assert_eq!(seen.location.as_deref(), Some(path.as_str()), "{seen:?}");
    let page = admin.get(&path).await;
    assert!(page.body.contains("&#60;i&#62;left&#60;/i&#62;") && !page.body.contains("<i>left"));
    assert!(page.body.contains("Let them in again"));
    assert!(ada.get("/").await.location.is_some());
    assert!(admin.get("/people?search=ada").await.body.contains("blocked"));
    let seen = admin.post(&format!("{path}/unblock"), &fields).await;
    assert_eq!(seen.status, 303);
    let key = page.body.split("action=\"/keys/").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(admin.post(&format!("/keys/{key}"), &fields).await.status, 303);
    let left = gate.get(&format!("/key/list?user_id={id}"), MASTER_KEY).await.json();
    assert_eq!(left["total_count"], 1, "an admin ends anybody's key");
    let log = gate.audit().await;
    assert!(log.iter().any(|(action, detail)| action == "user.block" && detail == "<i>left</i>"));
}

#[tokio::test]
async fn who_is_no_admin_sees_and_changes_nobody() {
    let (gate, admin, ada, id) = world("pages_denied").await;
    let path = format!("/people/{id}");
    for page in ["/people", &path] {
        assert_eq!(ada.get(page).await.status, 403, "{page}");
        let to = gate.browser().get(page).await.location.unwrap();
        assert!(to.starts_with("/sso/login?return_to="), "{to}");
    }
    let own = token(&ada.get("/").await);
    let admins = token(&admin.get(&path).await);
    for act in ["block", "unblock", "sign-out", "reset"] {
        let to = format!("{path}/{act}");
        assert_eq!(ada.post(&to, &[("token", &own)]).await.status, 403, "{act}");
        assert_eq!(ada.post(&to, &[("token", &admins)]).await.status, 403, "{act}");
        assert_eq!(admin.post(&to, &[("token", "forged")]).await.status, 403, "{act}");
        let request = admin.client.post(format!("{}{to}", gate.url)).form(&[("token", &admins)]);
        let foreign = Seen::of(request.header("sec-fetch-site", "cross-site")).await;
        assert_eq!(foreign.status, 403, "{act}");
    }
    // A viewer looks and does not touch; an admin does not lock themselves out.
    let body = json!({"user_id": id, "user_role": "proxy_admin_viewer"});
    gate.manage("/user/update", MASTER_KEY, body).await;
    let viewer = gate.browser_of("ada").await;
    let page = viewer.get(&path).await;
    assert!(page.status == 200 && !page.body.contains("/block\""), "{page:?}");
    let own = token(&viewer.get("/").await);
    assert_eq!(viewer.post(&format!("{path}/block"), &[("token", &own)]).await.status, 403);
    let people = gate.people().await;
    let root = people.iter().find(|p| p.user.name.as_deref() == Some("root")).unwrap();
    let own = format!("/people/{}/block", root.user.id);
    assert_eq!(admin.post(&own, &[("token", &admins)]).await.status, 400);
    assert_eq!(admin.get("/people/nobody").await.status, 404);
    assert_eq!(admin.get("/people?page=-1&search=%00").await.status, 200);
    assert_eq!(gate.get("/user/info", MASTER_KEY).await.status, 400);
}

const OLD: &str = "carol@acme.examplecarol@acme.example";
const NEW: &str = "a longer new password";

#[tokio::test]
async fn a_local_password_is_changed_by_who_knows_the_old_one_and_other_sessions_end() {
    let gate = Gate::new("pages_password").await;
    gate.account("carol@acme.example").await;
    let (browser, other) = (gate.browser(), gate.browser());
    for browser in [&browser, &other] {
        browser.login("carol@acme.example", OLD, "/").await;
    }
    let page = browser.get("/password").await;
    let token = token(&page);
    let change = async |token: &str, old: &str, new: &str| {
        let fields = [("token", token), ("old", old), ("password", new)];
        browser.post("/password", &fields).await
    };
    assert_eq!(change("forged", OLD, NEW).await.status, 403);
    let seen = change(&token, "wrong", NEW).await;
    assert!(seen.status == 400 && seen.body.contains("old password is not right"), "{seen:?}");
    assert_eq!(change(&token, OLD, "short").await.status, 400);
    assert_eq!(other.get("/").await.status, 200, "nothing was changed");
    assert_eq!(change(&token, OLD, NEW).await.location.as_deref(), Some("/"));
    assert_eq!(browser.get("/").await.status, 200, "here it goes on");
    assert!(other.get("/").await.location.is_some(), "elsewhere it does not");
    assert_eq!(gate.browser().login("carol@acme.example", OLD, "/").await.status, 401);
    assert_eq!(gate.browser().login("carol@acme.example", NEW, "/").await.status, 303);
    let company = gate.browser_of("ada").await;
    let seen = company.get("/password").await;
    assert!(seen.status == 404 && seen.body.contains("not kept here"), "{seen:?}");
    assert!(gate.browser().get("/password").await.location.unwrap().starts_with("/login"));
}

#[tokio::test]
async fn a_reset_link_sets_a_password_once_within_a_day() {
    let gate = Gate::with("pages_reset", "signin.admin_subject = \"root\"").await;
    let carol = gate.account("carol@acme.example").await;
    let admin = gate.browser_of("root").await;
    let signed_in = gate.browser();
    signed_in.login("carol@acme.example", OLD, "/").await;
    let path = format!("/people/{carol}");
    let token = token(&admin.get(&path).await);
    let make = async || {
        let page = admin.post(&format!("{path}/reset"), &[("token", &token)]).await;
        assert_eq!(page.status, 200, "{page:?}");
        let (_, rest) = page.body.split_once("/reset/").unwrap();
        format!("/reset/{}", rest.split('"').next().unwrap())
    };
    let (first, second) = (make().await, make().await);
    let browser = gate.browser();
    assert_eq!(browser.get(&first).await.status, 404, "an older link stops working");
    assert!(browser.get(&second).await.body.contains("carol@acme.example"));
    assert_eq!(browser.post(&second, &[("password", "short")]).await.status, 400);
    let (one, two) = tokio::join!(
        browser.post(&second, &[("password", NEW)]),
        browser.post(&second, &[("password", "another new password")])
    );
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 404], "once");
    assert!(signed_in.get("/").await.location.is_some(), "who was signed in is not any more");
    assert_eq!(gate.browser().login("carol@acme.example", OLD, "/").await.status, 401);

    let third = make().await;
    gate.turn(OfferReset::SECONDS);
    assert_eq!(browser.get(&third).await.status, 404, "a day is over");
    assert_eq!(browser.post(&third, &[("password", NEW)]).await.status, 404);
    assert_eq!(browser.get("/reset/forged").await.status, 404);
    // A company's account has no password here.
    let people = gate.people().await;
    let root = people.iter().find(|p| p.user.name.as_deref() == Some("root")).unwrap();
    let offer = OfferReset {
        user: root.user.id.clone(),
        token: Handle::new(crate::support::rand()).hash(),
        expires_at: gatekey::model::Timestamp(gate.now() + 9),
        act: gate.act(),
    };
    assert!(!gate.store.write(offer).await.unwrap());
}

#[tokio::test]
async fn who_may_only_look_ends_keys_of_their_own_and_changes_nothing_else() {
    let (gate, _, ada, id) = world("pages_looks").await;
    let role = json!({"user_id": id, "user_role": "internal_user_viewer"});
    gate.manage("/user/update", MASTER_KEY, role).await;
    drop(ada);
    let ada = gate.browser_of("ada").await;
    let page = ada.get("/").await;
    assert!(page.body.contains("Member who only looks"), "{}", page.body);
    let token = token(&page);
    let team = [("token", token.as_str()), ("team", "")];
    assert_eq!(ada.post("/team", &team).await.status, 403);
    let list = format!("/key/list?user_id={id}");
    let keys = gate.get(&list, MASTER_KEY).await.json()["keys"].clone();
    let own = format!("/keys/{}/end", keys[0]["id"].as_str().unwrap());
    assert_eq!(ada.post(&own, &[("token", &token)]).await.status, 303);
    assert_eq!(gate.get(&list, MASTER_KEY).await.json()["total_count"], 1);
    // Another's key: one who may see it is told; to others it does not exist.
    let other = gate.generate(json!({})).await["token_id"].clone();
    let other = format!("/keys/{}/end", other.as_str().unwrap());
    assert_eq!(ada.post(&other, &[("token", &token)]).await.status, 403);
    assert_eq!(ada.post("/keys/key_nobody/end", &[("token", &token)]).await.status, 303);
    let all = gate.get("/key/list", MASTER_KEY).await.json();
    assert_eq!(all["total_count"], 2, "one of ada's, and the other");
}

#[tokio::test]
async fn the_page_that_shows_what_a_provider_says_has_a_way_on_where_there_is_none() {
    let settings = "# no idp\nsignin.debug = true\nsignin.admin_password = \"a long password\"";
    let gate = Gate::with("pages_no_provider", settings).await;
    let browser = gate.browser();
    browser.login("admin", "a long password", "/").await;
    let page = browser.get("/sso/debug/login").await;
    assert!(page.body.contains("No provider") && page.body.contains("href=\"/\""), "{page:?}");
}
