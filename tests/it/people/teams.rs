//! Teams that follow the provider's groups, and keys that belong to them.
use crate::support::{Browser, EDITOR, Gate, LINK, MASTER_KEY, Seen};
use gatekey::store::members::TeamsOf;
use serde_json::{Value, json};

const RULES: &str = r#"
[[team]]
name = "data"
groups = ["eng-data", "ml"]
[[team]]
name = "web"
groups = ["eng-web"]
"#;

async fn enter(gate: &Gate, groups: Value) -> Browser {
    let mut claims = json!({"sub": "ada", "email": "ada@acme.example", "email_verified": true});
    if !groups.is_null() {
        claims["groups"] = groups;
    }
    gate.idp.claims(claims);
    let browser = gate.browser();
    let seen = browser.walk("/sso/login?return_to=/").await;
    assert_eq!(seen.status, 200, "{seen:?}");
    browser
}

async fn ada(gate: &Gate) -> gatekey::model::UserId {
    let people = gate.people().await;
    people.iter().find(|p| p.user.email.is_some()).unwrap().user.id.clone()
}

async fn teams(gate: &Gate) -> Vec<(String, &'static str)> {
    let teams = gate.store.read(TeamsOf(ada(gate).await)).await.unwrap();
    teams.into_iter().map(|m| (m.alias, m.source.name())).collect()
}

async fn team_id(gate: &Gate, alias: &str) -> String {
    let seen = gate.get(&format!("/team/info?team_id={alias}"), MASTER_KEY).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    seen.json()["team_id"].as_str().unwrap().to_owned()
}

async fn info(gate: &Gate, key: &str) -> Value {
    gate.get("/key/info", key).await.json()["info"].clone()
}

#[tokio::test]
async fn joiners_get_in_by_group_movers_move_and_what_was_made_by_hand_stays() {
    let gate = Gate::with("teams_follow", RULES).await;
    enter(&gate, json!(["ml", "eng-data"])).await;
    assert_eq!(teams(&gate).await, [("data".into(), "group")]);
    enter(&gate, json!(["eng-web"])).await;
    assert_eq!(teams(&gate).await, [("web".into(), "group")], "moved");
    enter(&gate, json!(null)).await;
    assert_eq!(teams(&gate).await, [("web".into(), "group")], "a missing claim is unknown");
    // By hand, into the same team and another.
    let user = ada(&gate).await;
    gate.manage("/team/new", MASTER_KEY, json!({"team_alias": "book club"})).await;
    for team in ["web", "book club"] {
        let body = json!({"team_id": team, "member": {"role": "admin", "user_id": user}});
        assert_eq!(gate.manage("/team/member_add", MASTER_KEY, body).await.status, 200);
    }
    assert_eq!(teams(&gate).await, [("book club".into(), "hand"), ("web".into(), "hand")]);
    enter(&gate, json!([])).await;
    assert_eq!(
        teams(&gate).await,
        [("book club".into(), "hand"), ("web".into(), "hand")],
        "a group that goes takes only what it gave"
    );
    let log = gate.audit().await;
    let said = |action: &str, detail: &str| {
        log.iter().any(|(a, d)| a == action && d.contains(detail) && d.contains(user.as_str()))
    };
    assert!(said("team.member_add", "in its groups at company"));
    assert!(said("team.member_delete", "not in its groups at company any more"));
}

#[tokio::test]
async fn a_rule_s_team_that_was_deleted_comes_back_with_the_next_member_under_a_new_id() {
    let gate = Gate::with("teams_deleted", RULES).await;
    enter(&gate, json!(["ml"])).await;
    let old = team_id(&gate, "data").await;
    gate.manage("/team/delete", MASTER_KEY, json!({"team_ids": ["data"]})).await;
    assert!(teams(&gate).await.is_empty());
    enter(&gate, json!(["ml"])).await;
    assert_ne!(team_id(&gate, "data").await, old, "what the old one had is not its");
}

#[tokio::test]
async fn k11_who_is_in_several_teams_chooses_on_the_page_by_name() {
    let gate = Gate::with("teams_choose", RULES).await;
    let browser = enter(&gate, json!(["ml", "eng-web"])).await;
    let (data, web) = (team_id(&gate, "data").await, team_id(&gate, "web").await);
    let form = browser.open(EDITOR, "").await;
    assert!(form.page.contains(">data</option>") && form.page.contains(">web</option>"));
    let press = async |team: &str| {
        let form = browser.open(EDITOR, "").await;
        let fields = [
            ("request", form.handle.as_str()),
            ("user", form.user.as_str()),
            ("answer", "allow"),
            ("team", team),
        ];
        browser.post(&form.action, &fields).await
    };
    let key = press(&web).await.sent("access_token").unwrap();
    assert_eq!(info(&gate, &key).await["team_id"], json!(web));
    let key = press(&data).await.sent("access_token").unwrap();
    assert_eq!(info(&gate, &key).await["team_alias"], "data");
    // A team of others, or none at all, is refused and nothing is used up.
    gate.manage("/team/new", MASTER_KEY, json!({"team_id": "foreign"})).await;
    for team in ["foreign", "no-such-team", &format!("{web}'--")] {
        let seen = press(team).await;
        assert!(seen.status == 403 && seen.body.contains("not in that team"), "{seen:?}");
    }
    // Without a choice it is the default team; and a key from a key is of its parent's.
    let seen = browser.press("allow", &form).await;
    let none = seen.sent("access_token").unwrap();
    assert_eq!(info(&gate, &none).await["team_id"], json!(null));
    let child = gate.get(LINK, &key).await.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(info(&gate, &child).await["team_alias"], "data");
}

#[tokio::test]
async fn where_no_page_asks_it_is_the_only_team_else_the_default_one_else_none() {
    let gate = Gate::with("teams_silent", RULES).await;
    let browser = enter(&gate, json!(["ml"])).await;
    let key = browser.json_key().await;
    assert_eq!(info(&gate, &key).await["team_alias"], "data", "the only one");
    let form = browser.open(EDITOR, "").await;
    assert!(form.page.contains("<bdi>data</bdi>") && !form.page.contains("<option value=\"team"));

    let browser = enter(&gate, json!(["ml", "eng-web"])).await;
    assert_eq!(info(&gate, &browser.json_key().await).await["team_id"], json!(null));
    let web = team_id(&gate, "web").await;
    let page = browser.get("/").await.body;
    let token = page.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let seen = browser.post("/team", &[("token", token), ("team", &web)]).await;
    assert_eq!(seen.location.as_deref(), Some("/"), "{seen:?}");
    assert_eq!(info(&gate, &browser.json_key().await).await["team_alias"], "web");
    let form = browser.open(EDITOR, "").await;
    assert!(form.page.contains(&format!("value=\"{web}\" selected")), "{}", form.page);
    let foreign = [("token", token), ("team", "somebody-elses")];
    assert_eq!(browser.post("/team", &foreign).await.status, 403);
    gate.manage("/team/block", MASTER_KEY, json!({"team_id": web})).await;
    assert_eq!(
        info(&gate, &browser.json_key().await).await["team_alias"],
        "data",
        "of those that count it is the only one"
    );
}

#[tokio::test]
async fn a_service_account_is_the_team_s_and_outlives_who_made_it() {
    let gate = Gate::with("teams_service", RULES).await;
    let browser = enter(&gate, json!(["ml"])).await;
    let (user, data) = (ada(&gate).await, team_id(&gate, "data").await);
    let body = json!({"team_id": data, "member": {"role": "admin", "user_id": user}});
    gate.manage("/team/member_add", MASTER_KEY, body).await;
    let own = gate.generate(json!({"user_id": user})).await;
    let own = own["key"].as_str().unwrap();
    let made = gate
        .manage("/key/service-account/generate", own, json!({"team_id": data, "key_alias": "ci"}))
        .await;
    assert_eq!(made.status, 200, "{made:?}");
    let made = made.json();
    let key = made["key"].as_str().unwrap();
    assert_eq!((&made["user_id"], &made["team_id"]), (&json!(null), &json!(data)));
    let named = json!({"team_id": data, "user_id": user});
    assert_eq!(gate.manage("/key/service-account/generate", own, named).await.status, 400);
    // It begets nothing, manages nothing, and is nobody in the lists of people.
    let link: Seen = gate.get(LINK, key).await;
    assert_eq!(link.status, 403, "{link:?}");
    assert_eq!(gate.manage("/key/generate", key, json!({})).await.status, 403);
    assert_eq!(gate.people().await.len(), 1);
    gate.manage("/user/delete", MASTER_KEY, json!({"user_ids": [user]})).await;
    assert!(browser.get("/").await.location.is_some());
    assert_eq!(gate.call(key, "gpt-4o").await.status, 200, "nobody's leaving ends it");
    assert_eq!(gate.call(own, "gpt-4o").await.status, 401);
}

#[tokio::test]
async fn a_newcomer_gets_the_default_team_once() {
    let gate = Gate::with("teams_default", "signin.default_team = \"everybody\"").await;
    enter(&gate, json!(null)).await;
    assert_eq!(teams(&gate).await, [("everybody".into(), "hand")]);
    let body = json!({"team_id": "everybody", "user_id": ada(&gate).await});
    assert_eq!(gate.manage("/team/member_delete", MASTER_KEY, body).await.status, 200);
    enter(&gate, json!(null)).await;
    assert!(teams(&gate).await.is_empty(), "who was taken out stays out");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_first_members_at_once_make_one_team() {
    let gate = Gate::with("teams_race", RULES).await;
    let mut browsers = Vec::new();
    for number in 0..16 {
        gate.idp.claims(json!({"sub": format!("p{number}"), "groups": ["ml", "eng-web"]}));
        browsers.push(gate.browser());
    }
    // The same person from many browsers: the claims are the last ones.
    let walks = browsers.iter().map(|browser| browser.walk("/sso/login?return_to=/"));
    let seen = futures_util::future::join_all(walks).await;
    assert!(seen.iter().all(|seen| seen.status == 200), "{seen:?}");
    let list = gate.get("/team/list", MASTER_KEY).await.json();
    assert_eq!(list.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_rule_s_team_that_is_renamed_stays_the_rule_s() {
    let gate = Gate::with("teams_renamed", RULES).await;
    enter(&gate, json!(["ml"])).await;
    let id = team_id(&gate, "data").await;
    let rename = json!({"team_id": id, "team_alias": "Data science"});
    assert_eq!(gate.manage("/team/update", MASTER_KEY, rename).await.status, 200);
    enter(&gate, json!(["ml"])).await;
    assert_eq!(teams(&gate).await, [("Data science".into(), "group")], "nobody loses it");
    gate.idp.claims(json!({"sub": "bob", "groups": ["eng-data"]}));
    gate.browser().walk("/sso/login?return_to=/").await;
    let members = gate.get(&format!("/team/info?team_id={id}"), MASTER_KEY).await.json();
    assert_eq!(members["team_info"]["members"].as_array().unwrap().len(), 2);
    // Two rules that come to mean one team do not pull at each other.
    let rename = json!({"team_id": id, "team_alias": "web"});
    assert_eq!(gate.manage("/team/update", MASTER_KEY, rename).await.status, 200);
    for _ in 0..2 {
        enter(&gate, json!(["ml", "eng-web"])).await;
        assert_eq!(teams(&gate).await, [("web".into(), "group")]);
        assert_eq!(team_id(&gate, "web").await, id);
    }
}
