//! Every way somebody stops counting, against everything of theirs that must stop.
use crate::support::{Browser, EDITOR, Form, Gate, LINK, MASTER_KEY, Seen, soon};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{task::JoinHandle, time::Instant};

const SETTINGS: &str = r#"
server.revoke_grace = "2s"
signin.required_groups = ["staff"]
[[team]]
name = "by group"
groups = ["data"]
"#;

/// All that a person has.
struct Having {
    user: String,
    team: String,
    browser: Browser,
    /// A page that waits for an answer.
    form: Form,
    /// Keys of an app, by hand, and of the team.
    keys: Vec<String>,
    team_key: String,
    stream: Stream,
    /// When its end was caused.
    since: Instant,
}

/// What arrived of a stream, and when it was over.
type Stream = JoinHandle<(String, Instant)>;

fn ada(groups: &[&str]) -> Value {
    json!({"sub": "ada", "email": "ada@acme.example", "email_verified": true, "groups": groups})
}

async fn have(gate: &Gate) -> Having {
    gate.idp.claims(ada(&["staff", "data"]));
    let browser = gate.browser();
    assert_eq!(browser.walk("/sso/login?return_to=/").await.status, 200);
    let people = gate.people().await;
    let ada = people.iter().find(|p| p.user.email.as_deref() == Some("ada@acme.example")).unwrap();
    let user = ada.user.id.to_string();
    let made =
        json!({"team_alias": "by hand", "members_with_roles": [{"user_id": user, "role": "user"}]});
    let made = gate.manage("/team/new", MASTER_KEY, made).await;
    assert_eq!(made.status, 200, "{made:?}");
    let team = made.json()["team_id"].as_str().unwrap().to_owned();
    let app = browser.json_key().await;
    let form = browser.open(EDITOR, "").await;
    let key = async |fields: Value| gate.generate(fields).await["key"].as_str().unwrap().to_owned();
    let hand = key(json!({"user_id": user})).await;
    let team_key = key(json!({"user_id": user, "team_id": team})).await;
    // In memory, and a stream that runs without end.
    for key in [&app, &hand, &team_key] {
        assert_eq!(gate.call(key, "gpt-4o").await.status, 200);
    }
    let stream = endless(gate, &team_key).await;
    let since = Instant::now();
    Having { user, team, browser, form, keys: vec![app, hand], team_key, stream, since }
}

/// A stream that the upstream never ends; what of it arrived, once it is over.
async fn endless(gate: &Gate, key: &str) -> Stream {
    let body = json!({"model": "gpt-4o", "stream": true,
        "messages": [{"role": "user", "content": "endless"}]});
    let request = gate.client.post(format!("{}/v1/chat/completions", gate.url));
    let response = request.bearer_auth(key).json(&body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut bytes = response.bytes_stream();
    let first = bytes.next().await.unwrap().unwrap();
    tokio::spawn(async move {
        let mut all = first.to_vec();
        while let Some(Ok(more)) = bytes.next().await {
            all.extend_from_slice(&more);
        }
        (String::from_utf8(all).unwrap(), Instant::now())
    })
}

async fn refuses(gate: &Gate, key: &str) -> Seen {
    let seen = gate.call(key, "gpt-4o").await;
    assert_eq!(seen.status, 401, "{seen:?}");
    seen
}

/// Nothing of a person works.
async fn all_is_over(gate: &Gate, having: Having, cause: &str) {
    for key in having.keys.iter().chain([&having.team_key]) {
        refuses(gate, key).await;
        let begets = gate.get(LINK, key).await;
        assert_eq!(begets.status, 401, "{cause}: no key from that key");
        assert_eq!(gate.get("/key/info", key).await.status, 401, "{cause}");
    }
    assert!(having.browser.get("/").await.location.is_some(), "{cause}: the session is gone");
    let pressed = having.browser.press("allow", &having.form).await;
    assert_eq!(pressed.status, 401, "{cause}: the waiting request refuses");
    cut_in_time(having.stream, having.since, cause).await;
}

/// `server.revoke_grace` is two seconds here.
async fn cut_in_time(stream: Stream, since: Instant, cause: &str) {
    let ended = tokio::time::timeout(Duration::from_secs(20), stream).await;
    let (whole, over) = ended.unwrap_or_else(|_| panic!("{cause}: the stream still runs")).unwrap();
    assert!(whole.ends_with("}\n\n") && whole.contains("does not work any more"), "{cause}");
    assert!(!whole.contains("[DONE]"), "{cause}");
    assert!(over - since >= Duration::from_secs(1), "{cause}: the grace was not given");
    // The time before the cause, and a busy machine, are in it.
    assert!(over - since < Duration::from_secs(12), "{cause}: {:?}", over - since);
}

#[tokio::test(flavor = "multi_thread")]
async fn o13_i7_k05_a_blocked_person_has_nothing_left_and_all_of_it_back_when_unblocked() {
    let gate = Gate::with("leave_block", SETTINGS).await;
    let having = have(&gate).await;
    let (user, keys) = (having.user.clone(), having.keys.clone());
    let block = json!({"user_ids": [user], "reason": "left on Friday"});
    assert_eq!(gate.manage("/user/block", MASTER_KEY, block).await.status, 200);
    all_is_over(&gate, having, "blocked").await;
    let list = gate.get(&format!("/key/list?user_id={user}"), MASTER_KEY).await.json();
    for key in list["keys"].as_array().unwrap() {
        assert_eq!(key["blocked"], true);
        assert_eq!(key["block_reason"], "the person is blocked: left on Friday");
    }
    gate.idp.claims(ada(&["staff"]));
    assert_eq!(gate.browser().walk("/sso/login?return_to=/").await.status, 403);
    assert_eq!(
        gate.manage("/user/unblock", MASTER_KEY, json!({"user_ids": [user]})).await.status,
        200
    );
    assert_eq!(gate.call(&keys[0], "gpt-4o").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn o13_i7_who_lost_the_required_group_has_nothing_left_from_that_sign_in_on() {
    let gate = Gate::with("leave_group", SETTINGS).await;
    let having = have(&gate).await;
    gate.idp.claims(ada(&["data"]));
    assert_eq!(gate.browser().walk("/sso/login?return_to=/").await.status, 403);
    let user = having.user.clone();
    all_is_over(&gate, having, "required group").await;
    let info = gate.get(&format!("/user/info?user_id={user}"), MASTER_KEY).await.json();
    assert_eq!(
        info["user_info"]["block_reason"],
        "the person is in none of signin.required_groups"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn o13_o12_a_deleted_person_has_nothing_left_and_comes_back_as_somebody_new() {
    let gate = Gate::with("leave_delete", SETTINGS).await;
    let having = have(&gate).await;
    let (user, key) = (having.user.clone(), having.keys[0].clone());
    let seen = gate.manage("/user/delete", MASTER_KEY, json!({"user_ids": [user]})).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    all_is_over(&gate, having, "deleted").await;
    gate.idp.claims(ada(&["staff"]));
    assert_eq!(gate.browser().walk("/sso/login?return_to=/").await.status, 200);
    let people = gate.people().await;
    assert!(people.len() == 1 && people[0].user.id.as_str() != user, "nobody inherits");
    refuses(&gate, &key).await;
    let again = json!({"user_id": user, "auto_create_key": false});
    let seen = gate.manage("/user/new", MASTER_KEY, again).await;
    assert!(seen.status == 400 && seen.body.contains("not used twice"), "{seen:?}");
}

/// Of a team's end, only what is the team's ends.
async fn the_teams_is_over(gate: &Gate, having: Having, cause: &str, why: &str) {
    refuses(gate, &having.team_key).await;
    assert_eq!(gate.get(LINK, &having.team_key).await.status, 401, "{cause}");
    for key in &having.keys {
        assert_eq!(gate.call(key, "gpt-4o").await.status, 200, "{cause}: the person stays");
    }
    assert_eq!(having.browser.get("/").await.status, 200, "{cause}: the session stays");
    let list = gate.get(&format!("/key/list?user_id={}", having.user), MASTER_KEY).await.json();
    let keys = list["keys"].as_array().unwrap();
    let blocked: Vec<_> = keys.iter().filter(|key| key["blocked"] == true).collect();
    if why.is_empty() {
        assert!(blocked.is_empty() && keys.len() == 2, "{cause}: the keys went with the team");
    } else {
        assert_eq!(blocked.len(), 1, "{cause}: {list}");
        assert_eq!(blocked[0]["block_reason"], why);
    }
    cut_in_time(having.stream, having.since, cause).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn o13_i7_who_leaves_a_team_loses_the_keys_of_that_team_and_no_others() {
    let gate = Gate::with("leave_team", SETTINGS).await;
    let having = have(&gate).await;
    let body = json!({"team_id": having.team, "user_id": having.user});
    assert_eq!(gate.manage("/team/member_delete", MASTER_KEY, body).await.status, 200);
    let why = "its owner is not in the team by hand any more";
    the_teams_is_over(&gate, having, "left the team", why).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn o13_i7_a_blocked_team_s_keys_refuse_until_it_is_unblocked() {
    let gate = Gate::with("leave_team_block", SETTINGS).await;
    let having = have(&gate).await;
    let (team, key) = (having.team.clone(), having.team_key.clone());
    let body = json!({"team_id": team, "reason": "over"});
    assert_eq!(gate.manage("/team/block", MASTER_KEY, body).await.status, 200);
    the_teams_is_over(&gate, having, "team blocked", "the team by hand is blocked").await;
    let body = json!({"team_id": team});
    assert_eq!(gate.manage("/team/unblock", MASTER_KEY, body).await.status, 200);
    assert_eq!(gate.call(&key, "gpt-4o").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn o13_i7_a_deleted_team_takes_its_keys_with_it() {
    let gate = Gate::with("leave_team_delete", SETTINGS).await;
    let having = have(&gate).await;
    let service = gate.generate(json!({"team_id": having.team})).await;
    let service = service["key"].as_str().unwrap().to_owned();
    assert_eq!(gate.call(&service, "gpt-4o").await.status, 200);
    let body = json!({"team_ids": [having.team]});
    assert_eq!(gate.manage("/team/delete", MASTER_KEY, body).await.status, 200);
    refuses(&gate, &service).await;
    the_teams_is_over(&gate, having, "team deleted", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn u7_k05_who_came_by_a_provider_that_was_taken_out_is_out_and_back_when_it_is_back() {
    let gate = Gate::with("leave_idp", SETTINGS).await;
    gate.account("root@acme.example").await;
    let local = gate.browser();
    local.login("root@acme.example", "root@acme.exampleroot@acme.example", "/").await;
    let local_key = local.json_key().await;
    let having = have(&gate).await;
    having.stream.abort();
    let (user, key) = (having.user.clone(), having.keys[0].clone());
    let settings = format!("# no idp\n{SETTINGS}");
    let gate = gate.restarted_with(&settings).await;
    refuses(&gate, &key).await;
    refuses(&gate, &having.team_key).await;
    let browser = having.browser.moved(&gate.url);
    assert!(browser.get("/").await.location.is_some(), "the session does not count");
    assert_eq!(gate.call(&local_key, "gpt-4o").await.status, 200, "others are not touched");
    let list = gate.get(&format!("/key/list?user_id={user}"), MASTER_KEY).await.json();
    let why = list["keys"][0]["block_reason"].as_str().unwrap().to_owned();
    assert!(why.contains("is switched off") && why.contains(&gate.idp.url), "{why}");
    let gate = gate.restarted_with(SETTINGS).await;
    assert_eq!(gate.call(&key, "gpt-4o").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn i7_a_change_by_another_server_cuts_streams_too_and_an_innocent_change_does_not() {
    let gate = Gate::with("leave_twin", SETTINGS).await;
    let twin = gate.twin().await;
    let mut having = have(&gate).await;
    // The key's fields change: the stream goes on.
    let update = json!({"key": having.team_key, "key_alias": "renamed"});
    assert_eq!(gate.manage("/key/update", MASTER_KEY, update).await.status, 200);
    assert_eq!(gate.call(&having.team_key, "gpt-4o").await.status, 200, "it is read anew");
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(!having.stream.is_finished(), "nobody cuts what still counts");
    // And though it was read anew since, its end is its calls' end.
    having.since = Instant::now();
    let block = json!({"user_ids": [having.user]});
    assert_eq!(twin.manage("/user/block", MASTER_KEY, block).await.status, 200);
    soon("it refuses", async || gate.call(&having.team_key, "gpt-4o").await.status == 401).await;
    cut_in_time(having.stream, having.since, "by another server").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_ended_cuts_its_own_calls_only() {
    let gate = Gate::with("leave_key", SETTINGS).await;
    let having = have(&gate).await;
    let other = endless(&gate, &having.keys[1]).await;
    let body = json!({"keys": [having.team_key]});
    assert_eq!(gate.manage("/key/delete", MASTER_KEY, body).await.status, 200);
    cut_in_time(having.stream, having.since, "key ended").await;
    assert!(!other.is_finished());
    other.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn i7_of_many_first_calls_at_once_none_escapes() {
    let gate = Gate::with("leave_cold", SETTINGS).await;
    let having = have(&gate).await;
    having.stream.abort();
    // Nobody has it in memory.
    let gate = gate.restarted().await;
    let streams = (0..8).map(|_| endless(&gate, &having.team_key));
    let streams = futures_util::future::join_all(streams).await;
    let since = Instant::now();
    let block = json!({"user_ids": [having.user]});
    assert_eq!(gate.manage("/user/block", MASTER_KEY, block).await.status, 200);
    for stream in streams {
        cut_in_time(stream, since, "cold").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_back_within_the_grace_goes_on() {
    let gate = Gate::with("leave_back", SETTINGS).await;
    let having = have(&gate).await;
    let named = json!({"user_ids": [having.user]});
    assert_eq!(gate.manage("/user/block", MASTER_KEY, named.clone()).await.status, 200);
    assert_eq!(gate.manage("/user/unblock", MASTER_KEY, named.clone()).await.status, 200);
    assert_eq!(gate.call(&having.team_key, "gpt-4o").await.status, 200);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!having.stream.is_finished(), "its key counts");
    assert_eq!(gate.call(&having.team_key, "gpt-4o").await.status, 200);
    // And who was cut, and then let in again, is served again.
    assert_eq!(gate.manage("/user/block", MASTER_KEY, named.clone()).await.status, 200);
    cut_in_time(having.stream, having.since, "blocked for good").await;
    assert_eq!(gate.manage("/user/unblock", MASTER_KEY, named).await.status, 200);
    assert_eq!(gate.call(&having.team_key, "gpt-4o").await.status, 200);
}
