//! Every management route × every role: who may, and nobody beyond it.
use crate::support::{Gate, MASTER_KEY, Seen};
use serde_json::{Value, json};

/// Who asks, and by which key.
struct World {
    /// Name and key.
    actors: Vec<(&'static str, String)>,
    /// The person everything is tried on, their key, a team they are in, and another team.
    victim: String,
    victims_key: String,
    team: String,
    other_team: String,
}

async fn person(gate: &Gate, id: &str, role: &str) -> String {
    let fields = json!({"user_id": id, "user_role": role});
    let seen = gate.manage("/user/new", MASTER_KEY, fields).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    seen.json()["key"].as_str().unwrap().to_owned()
}

async fn world(gate: &Gate) -> World {
    let mut actors = Vec::new();
    for (id, role) in [
        ("an-admin", "proxy_admin"),
        ("a-viewer", "proxy_admin_viewer"),
        ("a-user", "internal_user"),
        ("a-user-viewer", "internal_user_viewer"),
        ("team-admin", "internal_user"),
        ("foreign-admin", "internal_user"),
    ] {
        actors.push((id, person(gate, id, role).await));
    }
    let victims_key = person(gate, "victim", "internal_user").await;
    let team = async |alias: &str, admin: &str| {
        let members =
            json!([{"role": "admin", "user_id": admin}, {"role": "user", "user_id": "victim"}]);
        let body = json!({"team_alias": alias, "members_with_roles": members});
        let seen = gate.manage("/team/new", MASTER_KEY, body).await;
        assert_eq!(seen.status, 200, "{seen:?}");
        seen.json()["team_id"].as_str().unwrap().to_owned()
    };
    let (own, other) = (team("one", "team-admin").await, team("two", "foreign-admin").await);
    for id in ["kept", "spare"] {
        let body = json!({"budget_id": id, "max_budget": 1});
        assert_eq!(gate.manage("/budget/new", MASTER_KEY, body).await.status, 200);
    }
    let app = gate.key_of("ada").await;
    actors.push(("an-app", app));
    let service = gate.generate(json!({"team_id": own})).await;
    actors.push(("a-service-account", service["key"].as_str().unwrap().to_owned()));
    World { actors, victim: "victim".into(), victims_key, team: own, other_team: other }
}

/// The routes that write, with a body that an admin would be obeyed for.
fn writes(world: &World, key: &str) -> Vec<(&'static str, Value)> {
    let (victim, team) = (&world.victim, &world.team);
    vec![
        ("/user/new", json!({"auto_create_key": false})),
        ("/user/update", json!({"user_id": victim, "user_role": "proxy_admin"})),
        ("/user/block", json!({"user_ids": [victim]})),
        ("/user/unblock", json!({"user_ids": [victim]})),
        ("/team/new", json!({})),
        ("/team/update", json!({"team_id": team, "models": ["*"]})),
        ("/team/block", json!({"team_id": team})),
        ("/team/unblock", json!({"team_id": team})),
        ("/team/member_add", json!({"team_id": team, "member": {"user_id": "a-user"}})),
        ("/team/member_delete", json!({"team_id": team, "user_id": "a-user"})),
        ("/team/member_update", json!({"team_id": team, "user_id": victim, "rpm_limit": 9000})),
        ("/budget/new", json!({"max_budget": 1})),
        ("/budget/update", json!({"budget_id": "kept", "max_budget": 2})),
        ("/budget/delete", json!({"id": "spare"})),
        ("/app/update", json!({"app": "loopback", "rpm_limit": 9000})),
        ("/key/generate", json!({"user_id": victim, "team_id": team})),
        ("/key/service-account/generate", json!({"team_id": team})),
        ("/key/update", json!({"key": key, "key_alias": "x"})),
        ("/key/regenerate", json!({"key": key})),
        ("/key/block", json!({"key": key})),
        ("/key/unblock", json!({"key": key})),
        ("/key/delete", json!({"keys": [key]})),
    ]
}

/// What the table in docs/roles.md allows, of those routes, to whom but an admin.
fn may(actor: &str, path: &str) -> bool {
    let of_a_teams_admin = [
        "/team/member_add",
        "/team/member_delete",
        "/team/member_update",
        "/key/service-account/generate",
        "/key/update",
        "/key/block",
        "/key/unblock",
        "/key/delete",
    ];
    actor == "an-admin" || (actor == "team-admin" && of_a_teams_admin.contains(&path))
}

#[tokio::test]
async fn o8_no_role_does_more_than_the_table_says_on_any_route() {
    let gate = Gate::new("roles_writes").await;
    let world = world(&gate).await;
    let audit_of = async |path: &str| {
        let seen = gate.get(&format!("/audit/logs?{path}&size=500"), MASTER_KEY).await;
        seen.json()["audit_logs"].as_array().unwrap().len()
    };
    for (actor, own) in &world.actors {
        // A key of the victim's in the team, new for each: what is obeyed uses it up.
        let fields = json!({"user_id": world.victim, "team_id": world.team});
        let key = gate.generate(fields).await["id"].as_str().unwrap().to_owned();
        let user = gate.get("/key/info", own).await.json()["info"]["user_id"].clone();
        let before = audit_of(&format!("actor={}", user.as_str().unwrap_or("none"))).await;
        let mut obeyed = 0;
        for (path, body) in writes(&world, &key) {
            let seen = gate.manage(path, own, body).await;
            if may(actor, path) {
                assert_eq!(seen.status, 200, "{actor} {path}: {seen:?}");
                obeyed += 1;
            } else {
                assert!(matches!(seen.status, 403 | 404), "{actor} {path}: {seen:?}");
            }
        }
        let after = audit_of(&format!("actor={}", user.as_str().unwrap_or("none"))).await;
        assert_eq!(after > before, obeyed > 0, "{actor}: what is refused leaves no mark");
    }
    let victim = gate.get("/user/info?user_id=victim", MASTER_KEY).await.json();
    assert_eq!(victim["user_info"]["user_role"], "proxy_admin", "by the admin, and once");
    assert_eq!(gate.call(&world.victims_key, "gpt-4o").await.status, 200);
}

#[tokio::test]
async fn o8_nobody_edits_themselves_into_more() {
    let gate = Gate::new("roles_self").await;
    let world = world(&gate).await;
    for (actor, own) in &world.actors {
        if *actor == "an-admin" {
            continue;
        }
        for role in ["proxy_admin", "proxy_admin_viewer", "internal_user"] {
            for path in ["/user/update", "/user/new"] {
                let body = json!({"user_id": actor, "user_role": role});
                let seen = gate.manage(path, own, body).await;
                assert_eq!(seen.status, 403, "{actor} {path} {role}: {seen:?}");
            }
        }
        // Into a team, or to its admin; and out of another's hands.
        for team in [&world.team, &world.other_team] {
            let member = json!({"role": "admin", "user_id": actor});
            let seen =
                gate.manage("/team/member_add", own, json!({"team_id": team, "member": member}));
            let runs = (*actor == "team-admin" && team == &world.team)
                || (*actor == "foreign-admin" && team == &world.other_team);
            let seen = seen.await;
            assert_eq!(seen.status == 200, runs, "{actor}: {seen:?}");
        }
        for fields in [
            json!({"user_id": "victim"}),
            json!({"user_id": "victim", "team_id": world.other_team}),
            json!({"team_id": world.other_team, "models": ["*"]}),
        ] {
            let seen = gate.manage("/key/generate", own, fields.clone()).await;
            // A team's admin names nobody else; without a name it is their own key in their own team.
            let own = *actor == "foreign-admin" && fields["user_id"].is_null();
            assert_eq!(seen.status == 200, own, "{actor} {fields}: {seen:?}");
        }
    }
    let roles = gate.get("/user/list?page_size=100", MASTER_KEY).await.json();
    for user in roles["users"].as_array().unwrap() {
        let id = user["user_id"].as_str().unwrap();
        let admin = user["user_role"] == "proxy_admin";
        assert_eq!(admin, id == "an-admin", "{user}");
    }
}

fn reads(world: &World, key: &str) -> Vec<String> {
    vec![
        format!("/user/info?user_id={}", world.victim),
        "/user/list".into(),
        format!("/team/info?team_id={}", world.team),
        format!("/key/info?key={key}"),
        format!("/key/list?team_id={}", world.team),
        "/audit/logs".into(),
    ]
}

#[tokio::test]
async fn a_viewer_sees_all_a_team_s_admin_the_team_and_others_nothing_of_it() {
    let gate = Gate::new("roles_reads").await;
    let world = world(&gate).await;
    let fields = json!({"user_id": world.victim, "team_id": world.team});
    let key = gate.generate(fields).await["id"].as_str().unwrap().to_owned();
    for (actor, own) in &world.actors {
        for path in reads(&world, &key) {
            let seen = gate.get(&path, own).await;
            let all = matches!(*actor, "an-admin" | "a-viewer");
            let of_the_team = *actor == "team-admin"
                && !path.starts_with("/user/")
                && !path.starts_with("/audit");
            if all || of_the_team {
                assert_eq!(seen.status, 200, "{actor} {path}: {seen:?}");
            } else {
                assert!(matches!(seen.status, 403 | 404), "{actor} {path}: {seen:?}");
            }
        }
    }
    // A member sees the team, and of its keys their own.
    let own = gate.get(&format!("/team/info?team_id={}", world.team), &world.victims_key).await;
    assert_eq!(own.status, 200, "{own:?}");
    let owners: Vec<_> =
        own.json()["keys"].as_array().unwrap().iter().map(|key| key["user_id"].clone()).collect();
    assert!(!owners.is_empty() && owners.iter().all(|owner| owner == "victim"), "{owners:?}");
    let list = gate.get("/team/list", &world.victims_key).await.json();
    assert_eq!(list.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_key_of_a_team_makes_keys_of_that_team_only() {
    let gate = Gate::new("roles_team_key").await;
    let world = world(&gate).await;
    let models = json!({"team_id": world.team, "models": ["gpt-4o"]});
    assert_eq!(gate.manage("/team/update", MASTER_KEY, models).await.status, 200);
    let made = gate.generate(json!({"user_id": "victim", "team_id": world.team})).await;
    let key = made["key"].as_str().unwrap();
    assert_eq!(gate.call(key, "gpt-4o").await.status, 200);
    let denied: Seen = gate.call(key, "gpt-4o-mini").await;
    assert_eq!(denied.status, 403, "the team's list binds: {denied:?}");
    let child = gate.manage("/key/generate", key, json!({})).await.json();
    assert_eq!(child["team_id"], json!(world.team), "without a word it is of the same team");
    assert_eq!(gate.call(child["key"].as_str().unwrap(), "gpt-4o-mini").await.status, 403);
    let out = gate.manage("/key/generate", key, json!({"team_id": world.other_team})).await;
    assert_eq!(out.status, 400, "{out:?}");
    let wide = gate.generate(json!({"user_id": "victim"})).await;
    let body = json!({"key": wide["id"]});
    assert_eq!(
        gate.manage("/key/regenerate", key, body).await.status,
        403,
        "nor takes a wider one"
    );
    let list = gate.get("/v1/models", key).await.json();
    let names: Vec<_> = list["data"].as_array().unwrap().iter().map(|m| m["id"].clone()).collect();
    assert_eq!(names, ["gpt-4o"]);
}

#[tokio::test]
async fn a_role_that_only_looks_makes_no_key_by_any_way() {
    let gate = Gate::new("roles_looks").await;
    let app = gate.key_of("ada").await;
    let browser = gate.browser_of("ada").await;
    let id = gate.people().await[0].user.id.to_string();
    for role in ["internal_user_viewer", "proxy_admin_viewer"] {
        let change = json!({"user_id": id, "user_role": role});
        assert_eq!(gate.manage("/user/update", MASTER_KEY, change).await.status, 200);
        let seen = browser.walk(crate::support::LINK).await;
        assert!(seen.status == 403 && seen.body.contains("only look"), "{role}: {seen:?}");
        let to = "&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcb";
        let seen = browser.walk(&format!("{}{to}", crate::support::LINK)).await;
        assert_eq!(seen.status, 403, "{role}: {seen:?}");
        assert_eq!(gate.get(crate::support::LINK, &app).await.status, 403, "{role}");
        assert_eq!(gate.call(&app, "gpt-4o").await.status, 200, "what they have goes on");
    }
}

#[tokio::test]
async fn o8_a_team_s_admin_gets_no_key_that_acts_as_an_admin_who_was_put_into_the_team() {
    let gate = Gate::new("roles_lure").await;
    let world = world(&gate).await;
    let (_, eve) = world.actors.iter().find(|(actor, _)| *actor == "team-admin").unwrap();
    let member = json!({"team_id": world.team, "member": {"user_id": "an-admin"}});
    assert_eq!(gate.manage("/team/member_add", eve, member).await.status, 200);
    for user in ["an-admin", "victim", "no-such-person"] {
        let wish = json!({"user_id": user, "team_id": world.team});
        let seen = gate.manage("/key/generate", eve, wish).await;
        assert_eq!(seen.status, 403, "{user}, and nobody learns who there is: {seen:?}");
    }
    let own = json!({"team_id": world.team});
    let service = gate.manage("/key/service-account/generate", eve, own).await.json();
    let service = service["key"].as_str().unwrap();
    assert_eq!(gate.get("/audit/logs", service).await.status, 403);
    assert_eq!(gate.get("/user/list", service).await.status, 403);
}
