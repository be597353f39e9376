//! Who comes in as whom: made in advance, given a role, looked at by an admin.
use crate::support::{Fault, Gate, MASTER_KEY, Seen};
use serde_json::{Value, json};

async fn enter(gate: &Gate, claims: Value) -> Seen {
    gate.idp.claims(claims);
    gate.browser().walk("/sso/login?return_to=/").await
}

fn person(subject: &str, email: &str, verified: bool) -> Value {
    json!({"sub": subject, "email": email, "email_verified": verified})
}

async fn make(gate: &Gate, email: &str) -> String {
    let fields = json!({"user_email": email, "user_role": "proxy_admin_viewer"});
    let seen = gate.manage("/user/new", MASTER_KEY, fields).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    seen.json()["user_id"].as_str().unwrap().to_owned()
}

/// The usual provider, which is the authority for one domain.
const AUTHORITY: &str = r#"
# no idp
[[idp]]
name = "company"
issuer = "IDP_URL"
client_id = "gatekey"
client_secret = "hush"
domains = ["ACME.example"]
"#;

#[tokio::test]
async fn u5_a_person_made_in_advance_is_claimed_once_by_an_authority_s_verified_address() {
    let gate = Gate::with("door_claim", AUTHORITY).await;
    let made = make(&gate, "Ada@acme.example").await;
    // Not verified, another domain, another person: somebody new each time.
    enter(&gate, person("eve", "ada@acme.example", false)).await;
    enter(&gate, person("mal", "ada@evil.example", true)).await;
    assert_eq!(gate.people().await.len(), 3);
    assert_eq!(enter(&gate, person("ada", "ADA@acme.example", true)).await.status, 200);
    let people = gate.people().await;
    assert_eq!(people.len(), 3, "claimed");
    let ada = people.iter().find(|p| p.user.id.as_str() == made).unwrap();
    assert!(ada.signed_in_at.is_some());
    assert_eq!(ada.user.role.name(), "proxy_admin_viewer", "what the admin said counts");
    // The second with that address is somebody else.
    enter(&gate, person("ada2", "ada@acme.example", true)).await;
    assert_eq!(gate.people().await.len(), 4);
    assert!(gate.audit().await.iter().any(|(action, _)| action == "user.claimed"));
}

#[tokio::test]
async fn u5_a_provider_that_is_no_authority_claims_nobody() {
    let gate = Gate::new("door_no_authority").await;
    make(&gate, "ada@acme.example").await;
    assert_eq!(enter(&gate, person("ada", "ada@acme.example", true)).await.status, 200);
    assert_eq!(gate.people().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn u5_of_many_first_sign_ins_at_once_one_person_is_claimed() {
    let gate = Gate::with("door_claim_race", AUTHORITY).await;
    let made = make(&gate, "ada@acme.example").await;
    gate.idp.claims(person("ada", "ada@acme.example", true));
    let browsers: Vec<_> = (0..16).map(|_| gate.browser()).collect();
    let walks = browsers.iter().map(|browser| browser.walk("/sso/login?return_to=/"));
    let seen = futures_util::future::join_all(walks).await;
    assert!(seen.iter().all(|seen| seen.status == 200), "{seen:?}");
    let people = gate.people().await;
    assert!(people.len() == 1 && people[0].user.id.as_str() == made, "{people:?}");
}

#[tokio::test]
async fn c10_a_role_given_by_hand_counts_when_the_provider_gives_none_and_ends_old_sessions() {
    let gate = Gate::with("door_role", "signin.admin_groups = [\"ops\"]").await;
    let with = |groups: Value| {
        let mut claims = person("ada", "ada@acme.example", true);
        claims["groups"] = groups;
        claims
    };
    gate.idp.claims(with(json!([])));
    let browser = gate.browser();
    browser.walk("/sso/login?return_to=/").await;
    let id = gate.people().await[0].user.id.to_string();
    let role = async || gate.people().await[0].user.role.name();
    let update = json!({"user_id": id, "user_role": "proxy_admin_viewer"});
    assert_eq!(gate.manage("/user/update", MASTER_KEY, update).await.status, 200);
    assert!(browser.get("/").await.location.is_some(), "no session is carried into another role");
    enter(&gate, with(json!([]))).await;
    assert_eq!(role().await, "proxy_admin_viewer", "a sign-in does not undo it");
    enter(&gate, with(json!(["ops"]))).await;
    assert_eq!(role().await, "proxy_admin", "the provider's word wins");
    enter(&gate, with(json!([]))).await;
    assert_eq!(role().await, "proxy_admin_viewer", "and what was set by hand is there again");
}

#[tokio::test]
async fn an_admin_sees_what_a_provider_says_and_nobody_is_signed_in_by_looking() {
    let settings = "signin.debug = true\nsignin.required_groups = [\"staff\"]";
    let gate = Gate::with("door_debug", settings).await;
    let root = json!({"user_id": "root", "user_role": "proxy_admin", "auto_create_key": false});
    gate.manage("/user/new", MASTER_KEY, root).await;
    gate.account("root@acme.example").await;
    let browser = gate.browser();
    let login = async || {
        let password = "root@acme.exampleroot@acme.example";
        browser.login("root@acme.example", password, "/").await
    };
    login().await;
    let refused = browser.walk("/sso/debug/login").await;
    assert!(refused.status == 403 && refused.body.contains("admin"), "{refused:?}");
    let people = gate.people().await;
    let id = people.iter().find(|p| p.user.email.is_some()).unwrap().user.id.to_string();
    let update = json!({"user_id": id, "user_role": "proxy_admin"});
    gate.manage("/user/update", MASTER_KEY, update).await;
    login().await;
    gate.idp.claims(json!({"sub": "eve", "email": "<b>eve</b>", "preferred_username": "eve",
        "groups": ["guests"], "nonce_note": "x"}));
    let seen = browser.walk("/sso/debug/login").await;
    assert_eq!(seen.status, 200, "{seen:?}");
    for says in ["guests", "preferred_username", "They would be refused", "required_groups"] {
        assert!(seen.body.contains(says), "{says} in {}", seen.body);
    }
    assert!(!seen.body.contains("at_hash") && !seen.body.contains("<b>eve"), "{}", seen.body);
    assert_eq!(gate.people().await.len(), 2, "nobody new");
    assert!(browser.get("/").await.body.contains("root@acme.example"), "still who they were");
    let stranger = gate.browser().walk("/sso/debug/login").await;
    assert!(!stranger.body.contains("guests"), "{stranger:?}");

    let off = Gate::new("door_debug_off").await;
    let browser = off.browser_of("ada").await;
    let seen = browser.walk("/sso/debug/login").await;
    assert!(seen.status == 403 && seen.body.contains("signin.debug"), "{seen:?}");
}

#[tokio::test]
async fn a_provider_that_is_slow_down_or_lies_locks_nobody_out_who_is_in() {
    let gate = Gate::new("door_faults").await;
    let browser = gate.browser_of("ada").await;
    let key = browser.json_key().await;
    for (fault, status) in
        [(Fault::Down, 503), (Fault::WrongIssuer, 502), (Fault::BadSignature, 502)]
    {
        gate.idp.fault(fault);
        let seen = gate.browser().walk("/sso/login?return_to=/").await;
        assert_eq!(seen.status, status, "{fault:?}: {seen:?}");
        assert_eq!(gate.call(&key, "gpt-4o").await.status, 200, "{fault:?} is not a no");
        assert_eq!(browser.get("/").await.status, 200, "{fault:?}");
    }
}

#[tokio::test]
async fn u7_an_admin_who_is_taken_out_of_the_settings_is_out() {
    let settings =
        "# no idp\nsignin.admin_username = \"root\"\nsignin.admin_password = \"a long password\"";
    let gate = Gate::with("door_settled", settings).await;
    gate.account("carol").await;
    let (root, carol) = (gate.browser(), gate.browser());
    root.login("root", "a long password", "/").await;
    carol.login("carol", "carolcarol", "/").await;
    let (key, other) = (root.json_key().await, carol.json_key().await);
    let gate = gate.restarted_with("# no idp").await;
    assert_eq!(gate.call(&key, "gpt-4o").await.status, 401);
    assert_eq!(gate.call(&other, "gpt-4o").await.status, 200, "accounts made here stay");
    let gate = gate.restarted_with(settings).await;
    assert_eq!(gate.browser().login("root", "a long password", "/").await.status, 303);
    assert_eq!(gate.call(&key, "gpt-4o").await.status, 200, "back with the next sign-in");
}

#[tokio::test]
async fn what_keys_for_nobody_belong_to_can_be_blocked_and_not_deleted() {
    let gate = Gate::new("door_default").await;
    let key = gate.generate(json!({})).await["key"].as_str().unwrap().to_owned();
    let named = json!({"user_ids": ["default_user_id"]});
    let seen = gate.manage("/user/delete", MASTER_KEY, named.clone()).await;
    assert!(seen.status == 400 && seen.body.contains("only be blocked"), "{seen:?}");
    assert_eq!(gate.call(&key, "gpt-4o").await.status, 200);
    assert_eq!(gate.manage("/user/block", MASTER_KEY, named).await.status, 200);
    assert_eq!(gate.call(&key, "gpt-4o").await.status, 401);
}

#[tokio::test]
async fn u5_an_address_that_nobody_vouches_for_finds_nobody_for_an_admin() {
    let gate = Gate::new("door_doubt").await;
    assert_eq!(enter(&gate, person("eve", "ceo@acme.example", false)).await.status, 200);
    for (path, body) in [
        ("/user/update", json!({"user_email": "ceo@acme.example", "user_role": "proxy_admin"})),
        ("/user/block", json!({"user_ids": ["ceo@acme.example"]})),
        ("/key/generate", json!({"user_id": "ceo@acme.example"})),
    ] {
        let seen = gate.manage(path, MASTER_KEY, body).await;
        assert!(matches!(seen.status, 400 | 404), "{path}: {seen:?}");
    }
    make(&gate, "ceo@acme.example").await;
    let found = json!({"user_email": "ceo@acme.example", "user_role": "proxy_admin"});
    assert_eq!(gate.manage("/user/update", MASTER_KEY, found).await.status, 200);
    let people = gate.people().await;
    let eve = people.iter().find(|p| p.signed_in_at.is_some()).unwrap();
    assert_eq!(eve.user.role.name(), "internal_user");
}

#[tokio::test]
async fn u5_an_invitation_follows_its_corrected_address() {
    let gate = Gate::with("door_typo", AUTHORITY).await;
    let made = make(&gate, "bob@acme.example").await;
    let change = json!({"user_id": made, "user_email": "rob@acme.example"});
    assert_eq!(gate.manage("/user/update", MASTER_KEY, change).await.status, 200);
    enter(&gate, person("bob", "bob@acme.example", true)).await;
    enter(&gate, person("rob", "rob@acme.example", true)).await;
    let people = gate.people().await;
    let made = people.iter().find(|p| p.user.id.as_str() == made).unwrap();
    assert_eq!(made.user.email.as_deref(), Some("rob@acme.example"));
    assert!(people.len() == 2 && made.signed_in_at.is_some(), "{people:?}");
}

#[tokio::test]
async fn c10_a_role_that_the_provider_changes_ends_other_sessions() {
    let gate = Gate::with("door_promoted", "signin.admin_groups = [\"ops\"]").await;
    let with = |groups: Value| {
        let mut claims = person("ada", "ada@acme.example", true);
        claims["groups"] = groups;
        claims
    };
    gate.idp.claims(with(json!([])));
    let old = gate.browser();
    old.walk("/sso/login?return_to=/").await;
    assert_eq!(enter(&gate, with(json!(["ops"]))).await.status, 200);
    assert!(old.get("/").await.location.is_some(), "no admin by a session of before");
}

#[tokio::test]
async fn u14_an_admin_by_a_provider_s_own_word_is_none_when_it_says_so_though_groups_are_unknown() {
    let settings = format!("signin.admin_groups = [\"ops\"]\n{AUTHORITY}role_claim = \"role\"\n");
    let gate = Gate::with("door_demoted", &settings).await;
    let with = |role: Value, groups: Value| {
        let mut claims = person("ada", "ada@acme.example", true);
        claims["role"] = role;
        if !groups.is_null() {
            claims["groups"] = groups;
        }
        claims
    };
    let role = async || gate.people().await[0].user.role.name();
    for (claims, expected) in [
        (with(json!("internal_user_viewer"), json!(null)), "internal_user_viewer"),
        (with(json!("proxy_admin"), json!(null)), "proxy_admin"),
        (with(json!("internal_user"), json!(null)), "internal_user"),
        (with(json!(null), json!(["ops"])), "proxy_admin"),
        (with(json!(null), json!(null)), "proxy_admin"),
        (with(json!("internal_user"), json!(null)), "proxy_admin"),
        (with(json!(null), json!([])), "internal_user"),
    ] {
        assert_eq!(enter(&gate, claims.clone()).await.status, 200);
        assert_eq!(role().await, expected, "{claims}");
    }
}

#[tokio::test]
async fn u5_a_provider_without_a_section_gets_its_domains_from_signin_and_who_has_none_is_told() {
    let gate = Gate::with("door_domains", "signin.claim_domains = [\"@ACME.example\"]").await;
    let made = |email: &str| json!({"user_email": email, "auto_create_key": false});
    let seen = gate.manage("/user/new", MASTER_KEY, made("ada@acme.example")).await.json();
    assert_eq!(seen["note"], json!(null));
    enter(&gate, person("ada", "ada@acme.example", true)).await;
    assert_eq!(gate.people().await.len(), 1, "claimed");
    let seen = gate.manage("/user/new", MASTER_KEY, made("bob@other.example")).await.json();
    let note = seen["note"].as_str().unwrap();
    assert!(note.contains("No sign-in will claim") && note.contains("other.example"), "{note}");
}
