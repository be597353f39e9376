//! Google, Entra and GitHub: each turns its own ceremony into one person.
use crate::support::{Fault, Gate, MASTER_KEY, Seen, TENANT};
use gatekey::store::{members::TeamsOf, users::Listed};
use serde_json::{Value, json};

const GOOGLE: &str = r#"
# no idp
[[idp]]
name = "google"
kind = "google"
issuer = "IDP_URL/google"
client_id = "gatekey"
client_secret = "hush"
tenants = ["acme.example", "acme.test"]
"#;

const ENTRA: &str = r#"
# no idp
[[idp]]
name = "entra"
kind = "microsoft"
authority = "IDP_URL/entra"
graph = "IDP_URL/graph"
tenant = "acme.example"
client_id = "gatekey"
client_secret = "hush"
[[team]]
name = "data"
groups = ["g-data", "g-250"]
"#;

const GITHUB: &str = r#"
# no idp
[[idp]]
name = "github"
kind = "github"
url = "IDP_URL/github"
client_id = "gatekey"
client_secret = "hush"
tenants = ["Acme"]
[[team]]
name = "platform"
groups = ["acme/platform"]
"#;

async fn enter(gate: &Gate, claims: Value) -> Seen {
    gate.idp.claims(claims);
    gate.browser().walk("/sso/login?return_to=/").await
}

async fn only(gate: &Gate) -> Listed {
    let mut people = gate.people().await;
    assert_eq!(people.len(), 1, "{people:?}");
    people.remove(0)
}

fn entra(more: &Value) -> Value {
    let mut claims = json!({"sub": "pairwise", "oid": "ada-oid", "tid": TENANT, "name": "Ada L",
        "email": "ada@acme.example"});
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    claims
}

async fn teams(gate: &Gate, listed: &Listed) -> Vec<String> {
    let teams = gate.store.read(TeamsOf(listed.user.id.clone())).await;
    teams.unwrap().into_iter().map(|membership| membership.alias).collect()
}

#[tokio::test]
async fn u8_google_lets_in_the_listed_domains_by_the_signed_claim_alone() {
    let gate = Gate::with("google_hd", GOOGLE).await;
    let person = |hd: Value| json!({"sub": "108", "email": "ada@acme.example", "email_verified": true, "hd": hd});
    assert_eq!(enter(&gate, person(json!("ACME.example"))).await.status, 200);
    assert_eq!(gate.idp.asked("response_mode").as_deref(), Some("query"));
    assert_eq!(gate.idp.asked("hd").as_deref(), Some("*"), "several: any Workspace");
    assert_eq!(only(&gate).await.user.email.as_deref(), Some("ada@acme.example"));
    for hd in [json!(null), json!("evil.example"), json!("acme.example.evil.example"), json!(1)] {
        let seen = enter(&gate, person(hd)).await;
        assert!(seen.status == 403 && seen.body.contains("idp.tenants"), "{seen:?}");
    }
    // A consumer account with the company's address has no domain.
    let consumer = json!({"sub": "666", "email": "ada@acme.example", "email_verified": true});
    assert_eq!(enter(&gate, consumer).await.status, 403);
}

#[tokio::test]
async fn entra_knows_a_person_by_oid_gives_app_roles_and_teams_by_the_groups_claim() {
    let gate = Gate::with("entra_plain", ENTRA).await;
    let claims =
        entra(&json!({"groups": ["g-data", "x"], "roles": ["internal_user", "proxy_admin"]}));
    assert_eq!(enter(&gate, claims).await.status, 200);
    let ada = only(&gate).await;
    assert_eq!(ada.user.role.name(), "proxy_admin", "the strongest of them");
    assert_eq!(teams(&gate, &ada).await, ["data"]);
    assert_eq!(gate.idp.asked("scope").as_deref(), Some("openid profile email User.Read"));
    // Another app's `sub` is another one; `oid` is the person's.
    let claims = entra(&json!({"sub": "other", "groups": [], "roles": []}));
    assert_eq!(enter(&gate, claims).await.status, 200);
    let ada = only(&gate).await;
    assert_eq!(ada.user.role.name(), "internal_user", "it ends with the app role");
    assert!(teams(&gate, &ada).await.is_empty(), "and with the group");
}

#[tokio::test]
async fn k02_a_person_in_too_many_groups_for_a_token_is_asked_of_graph_page_by_page() {
    let gate = Gate::with("entra_graph", ENTRA).await;
    let all: Vec<String> = (0..300).map(|number| format!("g-{number}")).collect();
    gate.idp.inner.state.lock().unwrap().graph.groups = all;
    let overlarge = || {
        entra(&json!({"_claim_names": {"groups": "src1"},
            "_claim_sources": {"src1": {"endpoint": "https://graph.windows.net/x"}}}))
    };
    assert_eq!(enter(&gate, overlarge()).await.status, 200);
    assert_eq!(gate.idp.inner.state.lock().unwrap().graph.asked, 30, "ten to a page");
    let ada = only(&gate).await;
    assert_eq!(teams(&gate, &ada).await, ["data"], "g-250 is on a late page");

    // Groups of groups count, as they do in a token.
    {
        let graph = &mut gate.idp.inner.state.lock().unwrap().graph;
        graph.groups = vec!["g-outer".into()];
        graph.nested = vec!["g-data".into()];
    }
    assert_eq!(enter(&gate, overlarge()).await.status, 200);
    assert_eq!(teams(&gate, &ada).await, ["data"]);

    // The other way of saying it; and when Graph fails, nothing is lost.
    for status in [401, 500] {
        gate.idp.inner.state.lock().unwrap().graph.status = status;
        assert_eq!(enter(&gate, entra(&json!({"hasgroups": "true"}))).await.status, 200);
        assert_eq!(teams(&gate, &ada).await, ["data"], "{status}: unknown is not none");
    }
    {
        let mut known = gate.idp.inner.state.lock().unwrap();
        known.graph.status = 0;
        known.graph.next = Some(format!("{}/graph.evil/v1.0/me/memberOf", gate.idp.url));
    }
    assert_eq!(enter(&gate, overlarge()).await.status, 200);
    assert_eq!(teams(&gate, &ada).await, ["data"]);
    assert_eq!(gate.idp.inner.state.lock().unwrap().graph.leaked, 0, "the token is Graph's alone");
}

#[tokio::test]
async fn k02_an_admin_by_group_stays_one_while_graph_does_not_answer() {
    let settings = format!("signin.admin_groups = [\"g-1\"]\n{ENTRA}");
    let gate = Gate::with("entra_admin", &settings).await;
    assert_eq!(enter(&gate, entra(&json!({"groups": ["g-1"]}))).await.status, 200);
    assert_eq!(only(&gate).await.user.role.name(), "proxy_admin");
    gate.idp.inner.state.lock().unwrap().graph.status = 500;
    assert_eq!(enter(&gate, entra(&json!({"hasgroups": true}))).await.status, 200);
    assert_eq!(only(&gate).await.user.role.name(), "proxy_admin");
    assert_eq!(enter(&gate, entra(&json!({"groups": []}))).await.status, 200);
    assert_eq!(only(&gate).await.user.role.name(), "internal_user", "known to be none");
}

#[tokio::test]
async fn a_token_that_is_not_for_graph_is_never_shown_to_it() {
    let settings = ENTRA.replace("[[team]]", "scopes = [\"openid\", \"api://own/x\"]\n[[team]]");
    let gate = Gate::with("entra_audience", &settings).await;
    assert_eq!(enter(&gate, entra(&json!({"hasgroups": true}))).await.status, 200);
    assert_eq!(gate.idp.inner.state.lock().unwrap().graph.asked, 0);
}

#[tokio::test]
async fn u8_many_tenants_are_told_apart_by_issuer_and_only_listed_ones_come_in() {
    const OTHER: &str = "99999999-2222-3333-4444-555555555555";
    let listed = format!("tenant = \"organizations\"\ntenants = [\"{TENANT}\", \"{OTHER}\"]");
    let settings = ENTRA.replace("tenant = \"acme.example\"", &listed);
    let gate = Gate::with("entra_tenants", &settings).await;
    assert_eq!(enter(&gate, entra(&json!({}))).await.status, 200);
    // The same person's id in another tenant is another person.
    assert_eq!(enter(&gate, entra(&json!({"tid": OTHER}))).await.status, 200);
    assert_eq!(gate.people().await.len(), 2);
    // Each tenant's admins assign app roles as they like.
    let roles = entra(&json!({"tid": OTHER, "roles": ["proxy_admin"]}));
    assert_eq!(enter(&gate, roles).await.status, 200);
    assert!(gate.people().await.iter().all(|p| p.user.role.name() == "internal_user"));
    let third = entra(&json!({"tid": "77777777-2222-3333-4444-555555555555"}));
    let seen = enter(&gate, third).await;
    assert!(seen.status == 403 && seen.body.contains("idp.tenants"), "{seen:?}");
    for tid in [json!("{tenantid}"), json!("../x"), json!(null)] {
        assert_eq!(enter(&gate, entra(&json!({"tid": tid}))).await.status, 502, "{tid}");
    }
    gate.idp.fault(Fault::WrongIssuer);
    assert_eq!(enter(&gate, entra(&json!({}))).await.status, 502, "it lies about its issuer");
}

#[tokio::test]
async fn a_tenant_of_ones_own_has_one_issuer() {
    let settings = ENTRA.replace("tenant = \"acme.example\"", &format!("tenant = \"{TENANT}\""));
    let gate = Gate::with("entra_one", &settings).await;
    assert_eq!(enter(&gate, entra(&json!({}))).await.status, 200);
    let foreign = entra(&json!({"tid": "99999999-2222-3333-4444-555555555555"}));
    assert_eq!(enter(&gate, foreign).await.status, 502);
}

#[tokio::test]
async fn u5_an_address_that_a_foreign_tenant_typed_satisfies_no_rule_and_claims_nobody() {
    let open = "tenant = \"common\"\ntenants = [\"*\"]\ndomains = [\"acme.example\"]";
    let settings = ENTRA.replace("tenant = \"acme.example\"", open);
    let settings = format!("signin.allowed_email_domains = [\"acme.example\"]\n{settings}");
    let gate = Gate::with("entra_noauth", &settings).await;
    let made = json!({"user_email": "ada@acme.example", "user_role": "proxy_admin",
        "auto_create_key": false});
    assert_eq!(gate.manage("/user/new", MASTER_KEY, made).await.status, 200);
    let seen = enter(&gate, entra(&json!({}))).await;
    assert_eq!(seen.status, 403, "nobody vouches for it: {seen:?}");
    for odd in [json!(false), json!("0"), json!(0), json!("no")] {
        assert_eq!(enter(&gate, entra(&json!({"xms_edov": odd}))).await.status, 403);
    }
    assert!(only(&gate).await.signed_in_at.is_none(), "nobody was claimed or made");
    assert_eq!(enter(&gate, entra(&json!({"xms_edov": true}))).await.status, 200);
    let ada = only(&gate).await;
    assert_eq!(ada.user.role.name(), "proxy_admin", "claimed, once it is proven");
}

#[tokio::test]
async fn k03_a_person_without_an_address_is_called_by_the_name_that_came() {
    let gate = Gate::with("entra_upn", ENTRA).await;
    let claims =
        json!({"sub": "s", "oid": "o", "tid": TENANT, "preferred_username": "ada@acme.example"});
    let seen = enter(&gate, claims.clone()).await;
    assert!(seen.status == 200 && seen.body.contains("ada@acme.example"), "{seen:?}");

    let rule = format!("signin.allowed_email_domains = [\"acme.example\"]\n{ENTRA}");
    let strict = Gate::with("entra_upn_rule", &rule).await;
    let seen = enter(&strict, claims.clone()).await;
    assert_eq!(seen.status, 403);
    assert!(seen.body.contains("preferred_username") && seen.body.contains("idp.email_claims"));
    assert!(!seen.body.contains("ada@acme"), "names, never values");

    let listed = "email_claims = [\"email\", \"preferred_username\"]\n[[team]]";
    let lenient = Gate::with("entra_upn_named", &rule.replace("[[team]]", listed)).await;
    assert_eq!(enter(&lenient, claims).await.status, 200, "the admin listed that claim");
}

fn octocat(gate: &Gate) {
    let mut known = gate.idp.inner.state.lock().unwrap();
    let github = &mut known.github;
    github.status = 0;
    github.user = json!({"id": 583_231, "login": "octocat", "name": null});
    github.emails = json!([
        {"email": "old@acme.example", "primary": false, "verified": true},
        {"email": "octo@acme.example", "primary": true, "verified": true},
    ]);
    github.orgs = vec!["other".into(), "acme".into()];
    // The one that counts is on the second page.
    github.teams = (0..130).map(|n| ("acme".to_owned(), format!("team-{n}"))).collect();
    github.teams.push(("acme".into(), "platform".into()));
}

#[tokio::test]
async fn u9_github_is_a_number_an_active_membership_and_a_verified_primary_address() {
    let gate = Gate::with("github", GITHUB).await;
    octocat(&gate);
    assert_eq!(enter(&gate, json!({})).await.status, 200);
    let octo = only(&gate).await;
    assert_eq!(octo.user.email.as_deref(), Some("octo@acme.example"));
    assert_eq!(octo.user.name.as_deref(), Some("octocat"));
    assert_eq!(teams(&gate, &octo).await, ["platform"]);
    assert_eq!(gate.idp.asked("scope").as_deref(), Some("read:user user:email read:org"));

    // An organisation of one's own making is no group of the company's.
    let rules = format!("signin.admin_groups = [\"ops\", \"ops/all\"]\n{GITHUB}");
    let strict = Gate::with("github_own_org", &rules).await;
    octocat(&strict);
    {
        let mut known = strict.idp.inner.state.lock().unwrap();
        known.github.orgs.push("ops".into());
        known.github.teams.push(("ops".into(), "all".into()));
    }
    assert_eq!(enter(&strict, json!({})).await.status, 200);
    assert_eq!(only(&strict).await.user.role.name(), "internal_user");

    // The name goes to somebody else: another number, another person.
    let set = |user: Value, verified: bool| {
        let mut known = gate.idp.inner.state.lock().unwrap();
        known.github.user = user;
        known.github.emails =
            json!([{"email": "octo@acme.example", "primary": true, "verified": verified}]);
    };
    set(json!({"id": 1, "login": "octocat"}), true);
    assert_eq!(enter(&gate, json!({})).await.status, 200);
    assert_eq!(gate.people().await.len(), 2);
    set(json!({"id": 2, "login": "new"}), false);
    assert_eq!(enter(&gate, json!({})).await.status, 200);
    let people = gate.people().await;
    let newest = people.iter().find(|p| p.user.name.as_deref() == Some("new")).unwrap();
    assert_eq!(newest.user.email, None, "an unverified address is none");
}

#[tokio::test]
async fn u9_u14_who_left_the_organisation_is_out_at_the_next_sign_in() {
    let gate = Gate::with("github_left", GITHUB).await;
    octocat(&gate);
    let browser = gate.browser();
    assert_eq!(browser.walk("/sso/login?return_to=/").await.status, 200);
    let key = browser.json_key().await;
    assert_eq!(gate.call(&key, "gpt-4o").await.status, 200);
    gate.idp.inner.state.lock().unwrap().github.orgs = vec!["acme-fan-club".into()];
    let seen = enter(&gate, json!({})).await;
    assert!(seen.status == 403 && seen.body.contains("idp.tenants"), "{seen:?}");
    assert_eq!(gate.call(&key, "gpt-4o").await.status, 401);
    octocat(&gate);
    assert_eq!(enter(&gate, json!({})).await.status, 200);
    assert_eq!(gate.call(&key, "gpt-4o").await.status, 200, "back, and so are the keys");
    // An outage is not a no.
    gate.idp.inner.state.lock().unwrap().github.status = 502;
    assert_eq!(enter(&gate, json!({})).await.status, 503);
    assert_eq!(gate.call(&key, "gpt-4o").await.status, 200);
}

#[tokio::test]
async fn u9_github_is_asked_for_no_more_than_the_rules_need() {
    let plain = GITHUB.replace("tenants = [\"Acme\"]", "");
    let plain = plain.split("[[team]]").next().unwrap().to_owned();
    let gate = Gate::with("github_scopes", &plain).await;
    octocat(&gate);
    assert_eq!(enter(&gate, json!({})).await.status, 200);
    assert_eq!(gate.idp.asked("scope").as_deref(), Some("read:user user:email"));
}

/// What a real Keycloak said, by `tests/clients/run keycloak`; only what is of one run is ours.
#[tokio::test]
async fn keycloaks_recorded_wire_signs_in() {
    let text = std::fs::read_to_string("tests/clients/wire/keycloak.json").unwrap();
    let wire: Value = serde_json::from_str(&text).unwrap();
    let rules = "[[team]]\nname = \"data\"\ngroups = [\"eng-data\"]";
    let gate = Gate::with("keycloak_wire", rules).await;
    let mut metadata = wire["discovery"].as_object().unwrap().clone();
    metadata
        .retain(|name, _| !name.ends_with("_endpoint") && name != "issuer" && name != "jwks_uri");
    let mut claims = wire["id_token"]["claims"].as_object().unwrap().clone();
    for of_one_run in ["iss", "aud", "exp", "iat", "nonce", "at_hash", "auth_time", "jti", "sid"] {
        claims.remove(of_one_run);
    }
    assert_eq!((&claims["azp"], &claims["typ"]), (&json!("gatekey"), &json!("ID")));
    {
        let mut known = gate.idp.inner.state.lock().unwrap();
        assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
        known.extra_metadata = Value::Object(metadata);
        (known.whole, known.says_iss) = (true, true);
    }
    let seen = enter(&gate, Value::Object(claims)).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    let ada = only(&gate).await;
    assert_eq!(ada.user.email.as_deref(), Some("ada@acme.example"));
    assert_eq!(ada.user.name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(teams(&gate, &ada).await, ["data"]);
}

#[tokio::test]
async fn entra_leaves_the_claim_out_for_whoever_is_in_no_group_so_graph_is_asked() {
    let gate = Gate::with("entra_none", ENTRA).await;
    assert_eq!(enter(&gate, entra(&json!({"groups": ["g-data"]}))).await.status, 200);
    let ada = only(&gate).await;
    assert_eq!(teams(&gate, &ada).await, ["data"]);
    assert_eq!(enter(&gate, entra(&json!({}))).await.status, 200);
    assert!(teams(&gate, &ada).await.is_empty(), "known to be in none");
    // Where no rule looks at groups nobody is asked.
    let settings = ENTRA.split("[[team]]").next().unwrap();
    let gate = Gate::with("entra_unasked", settings).await;
    assert_eq!(enter(&gate, entra(&json!({}))).await.status, 200);
    assert_eq!(gate.idp.inner.state.lock().unwrap().graph.asked, 0);
}
