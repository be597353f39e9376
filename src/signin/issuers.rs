//! At the start: whoever came by a provider that the settings no longer have is out, and back when it is back
//! (row U7, field report K05).
use crate::{
    config::Signin,
    idp::Idps,
    model::Hash,
    store::{
        self, Store,
        audit::Act,
        leaving::{Back, Issuers, Leave, Return, SettledAccounts, Who},
    },
    world::{Clock, Entropy},
};

pub async fn reconcile(
    (idps, settings): (&Idps, &Signin),
    (store, clock, entropy): (&Store, &Clock, &Entropy),
) -> Result<(), store::Error> {
    let act = || Act {
        id: Hash(entropy.draw()),
        at: clock.now(),
        actor: "settings".into(),
        address: None,
    };
    let admin = settings.admin.as_ref().map(|(name, _)| name);
    for (name, user) in store.read(SettledAccounts).await? {
        if admin != Some(&name) {
            let why = format!("the account {name} is not in the settings any more");
            store.write(Leave { who: Who::Off(user), why: Some(why), act: act() }).await?;
        }
    }
    for (issuer, is_off) in store.read(Issuers).await? {
        let act = act();
        match (idps.serve(&issuer), is_off) {
            (true, false) | (false, true) => {}
            (true, true) => {
                store.write(Return { who: Back::Issuer(issuer), act }).await?;
            }
            (false, false) => {
                let why = format!("the identity provider {issuer} is switched off");
                tracing::warn!(
                    issuer,
                    "no [[idp]] serves this issuer any more: its people are out"
                );
                store.write(Leave { who: Who::Issuer(issuer), why: Some(why), act }).await?;
            }
        }
    }
    Ok(())
}
