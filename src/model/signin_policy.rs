//! Who may come in, and as what: decided at each sign-in, from what the provider says then.
use super::{Identity, Role};

#[derive(Debug, Clone, Default)]
pub struct SigninPolicy {
    /// Lower case. Empty: every domain.
    pub email_domains: Vec<String>,
    /// Empty: nobody needs a group. Otherwise one of them is enough.
    pub required_groups: Vec<String>,
    pub admin_groups: Vec<String>,
    /// `PROXY_ADMIN_ID`: a subject, never an e-mail.
    pub admin_subject: Option<String>,
}

/// Why not, in words for the person; nothing the provider said is repeated (row U10).
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error(
        "Your e-mail domain is not allowed here (signin.allowed_email_domains), or your identity \
         provider does not vouch for your address."
    )]
    Domain,
    #[error("You are in none of the groups that may sign in here (signin.required_groups).")]
    Group,
    #[error(
        "A group is required here (signin.required_groups), but your identity provider does not \
         say which groups you are in. Your admin can make it send them (idp.groups_claim)."
    )]
    GroupsUnknown,
}

impl SigninPolicy {
    /// The role the person has from now on; `None` leaves it: what is not known changes nothing.
    pub fn admit(&self, identity: &Identity) -> Result<Option<Role>, Refused> {
        if !self.email_domains.is_empty() {
            let email = identity.trusted_email().ok_or(Refused::Domain)?;
            if !self.email_domains.iter().any(|domain| domain == email.domain()) {
                return Err(Refused::Domain);
            }
        }
        if !self.required_groups.is_empty() {
            let groups = identity.groups.as_deref().ok_or(Refused::GroupsUnknown)?;
            if !shares(&self.required_groups, groups) {
                return Err(Refused::Group);
            }
        }
        let by_group = shares(&self.admin_groups, identity.groups.as_deref().unwrap_or_default());
        let by_id = self.admin_subject.as_deref() == Some(identity.subject.as_str());
        if by_group || by_id {
            return Ok(Some(Role::ProxyAdmin));
        }
        if identity.groups.is_none() && !self.admin_groups.is_empty() {
            return Ok(identity.role);
        }
        Ok(Some(identity.role.unwrap_or(Role::InternalUser)))
    }

    /// Whether a provider that says nothing of groups leaves a rule without its answer.
    #[must_use]
    pub fn looks_at_groups(&self) -> bool {
        !self.admin_groups.is_empty() || !self.required_groups.is_empty()
    }
}

fn shares(wanted: &[String], have: &[String]) -> bool {
    wanted.iter().any(|group| have.contains(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Identity {
        Identity {
            issuer: "https://idp.example".into(),
            subject: "ada".into(),
            email: Some("ada@acme.example".into()),
            verified: true,
            name: None,
            groups: None,
            role: None,
        }
    }

    #[test]
    fn an_address_counts_only_when_it_is_vouched_for_and_of_exactly_that_domain() {
        let policy =
            SigninPolicy { email_domains: vec!["acme.example".into()], ..Default::default() };
        assert_eq!(policy.admit(&ada()), Ok(Some(Role::InternalUser)));
        let upper = Identity { email: Some("ada@ACME.example".into()), ..ada() };
        assert_eq!(policy.admit(&upper), Ok(Some(Role::InternalUser)), "K06");
        let doubtful = Identity { verified: false, ..ada() };
        assert_eq!(policy.admit(&doubtful), Err(Refused::Domain));
        for email in ["ada@sub.acme.example", "ada@evilacme.example", "a@evil.example@acme.example"]
        {
            let other = Identity { email: Some(email.into()), ..ada() };
            assert_eq!(policy.admit(&other), Err(Refused::Domain), "{email}");
        }
    }

    #[test]
    fn unknown_groups_refuse_only_where_a_group_is_required() {
        let policy =
            SigninPolicy { required_groups: vec!["staff".into()], ..SigninPolicy::default() };
        assert_eq!(policy.admit(&ada()), Err(Refused::GroupsUnknown));
        let in_groups = |groups: &[&str]| Identity {
            groups: Some(groups.iter().map(|&g| g.to_owned()).collect()),
            ..ada()
        };
        assert_eq!(policy.admit(&in_groups(&["guests"])), Err(Refused::Group));
        assert_eq!(policy.admit(&in_groups(&["staff"])), Ok(Some(Role::InternalUser)));
        assert_eq!(SigninPolicy::default().admit(&ada()), Ok(Some(Role::InternalUser)));
    }

    #[test]
    fn an_admin_is_named_by_subject_or_group_and_never_by_address() {
        let by =
            |id: &str| SigninPolicy { admin_subject: Some(id.into()), ..SigninPolicy::default() };
        assert_eq!(by("ada").admit(&ada()), Ok(Some(Role::ProxyAdmin)));
        assert_eq!(by("ada@acme.example").admit(&ada()), Ok(Some(Role::InternalUser)));
        let policy = SigninPolicy { admin_groups: vec!["ops".into()], ..SigninPolicy::default() };
        assert_eq!(policy.admit(&ada()), Ok(None), "unknown groups demote nobody");
        let ops = Identity { groups: Some(vec!["ops".into()]), ..ada() };
        assert_eq!(policy.admit(&ops), Ok(Some(Role::ProxyAdmin)));
    }
}
