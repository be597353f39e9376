//! Who may come in, and as what: decided at each sign-in, from what the provider says then.
use super::{Identity, Role, TeamRule};

#[derive(Debug, Clone, Default)]
pub struct SigninPolicy {
    /// Lower case. Empty: every domain.
    pub email_domains: Vec<String>,
    /// Empty: nobody needs a group. Otherwise one of them is enough.
    pub required_groups: Vec<String>,
    pub admin_groups: Vec<String>,
    /// `PROXY_ADMIN_ID`: a subject, never an e-mail.
    pub admin_subject: Option<String>,
    /// `[[team]]`, in the order of the file.
    pub teams: Vec<TeamRule>,
    /// The team a person is put into when they first come, by its name.
    pub default_team: Option<String>,
}

/// Why not, in words for the person; nothing the provider said is repeated (row U10).
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error(
        "Your e-mail domain is not allowed here (signin.allowed_email_domains), or your identity \
         provider does not vouch for your address."
    )]
    Domain,
    #[error(
        "An e-mail address is needed here (signin.allowed_email_domains), and your identity provider \
         sent none. It sent: {0}. Your admin can name another of these with idp.email_claims."
    )]
    NoEmail(String),
    #[error("Your organisation is not one that may sign in here (idp.tenants).")]
    Tenant,
    #[error("You are in none of the groups that may sign in here (signin.required_groups).")]
    Group,
    #[error(
        "A group is required here (signin.required_groups), but your identity provider does not \
         say which groups you are in. Your admin can make it send them (idp.groups_claim)."
    )]
    GroupsUnknown,
}

impl Refused {
    /// Whether it was learnt that the person may not be in, and not only that it cannot be told: then what they
    /// have refuses too.
    #[must_use]
    pub fn is_known(&self) -> bool {
        matches!(self, Self::Domain | Self::Tenant | Self::Group)
    }

    /// Why the keys of a known person refuse, for an admin.
    #[must_use]
    pub fn for_lists(&self) -> &'static str {
        match self {
            Self::Domain | Self::NoEmail(_) => "the person's e-mail domain is not allowed any more",
            Self::Tenant => "the person's organisation is not allowed any more",
            Self::Group | Self::GroupsUnknown => "the person is in none of signin.required_groups",
        }
    }
}

/// What was learnt of a person's role at a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleSaid {
    /// The provider gives it, or a setting does.
    Is(Role),
    /// An admin by one of `signin.admin_groups`.
    AdminByGroup,
    /// None is given: what an admin set by hand counts, else `internal_user`.
    Nothing,
    /// Groups cannot be told: who is an admin by group stays one; others are what is said, if anything is.
    Unknown(Option<Role>),
}

impl SigninPolicy {
    /// Whether the person may come in, and as what. `tenants` are the provider's own setting; empty: every one.
    pub fn admit(&self, identity: &Identity, tenants: &[String]) -> Result<RoleSaid, Refused> {
        let fits = |tenant: &String| {
            identity.tenant.as_ref().is_some_and(|said| said.eq_ignore_ascii_case(tenant))
        };
        if !tenants.is_empty() && !tenants.iter().any(fits) {
            return Err(Refused::Tenant);
        }
        self.must_have_domain(identity)?;
        if !self.required_groups.is_empty() {
            let groups = identity.groups.as_deref().ok_or(Refused::GroupsUnknown)?;
            if !shares(&self.required_groups, groups) {
                return Err(Refused::Group);
            }
        }
        Ok(self.role(identity))
    }

    fn must_have_domain(&self, identity: &Identity) -> Result<(), Refused> {
        if self.email_domains.is_empty() {
            return Ok(());
        }
        if identity.email.is_none() {
            return Err(Refused::NoEmail(identity.claim_names()));
        }
        let email = identity.trusted_email().ok_or(Refused::Domain)?;
        let allowed = self.email_domains.iter().any(|domain| domain == email.domain());
        allowed.then_some(()).ok_or(Refused::Domain)
    }

    fn role(&self, identity: &Identity) -> RoleSaid {
        let by_id = self.admin_subject.as_deref() == Some(identity.subject.as_str());
        if by_id {
            return RoleSaid::Is(Role::ProxyAdmin);
        }
        match identity.groups.as_deref() {
            Some(groups) if shares(&self.admin_groups, groups) => RoleSaid::AdminByGroup,
            // An admin by a group we cannot see just now stays one (field report K02).
            None if !self.admin_groups.is_empty() => RoleSaid::Unknown(identity.role),
            _ => identity.role.map_or(RoleSaid::Nothing, RoleSaid::Is),
        }
    }

    /// Whether a provider that says nothing of groups leaves a rule without its answer.
    #[must_use]
    pub fn looks_at_groups(&self) -> bool {
        !self.admin_groups.is_empty() || !self.required_groups.is_empty() || !self.teams.is_empty()
    }
}

fn shares(wanted: &[String], have: &[String]) -> bool {
    wanted.iter().any(|group| have.contains(group))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;

    const NOTHING: Result<RoleSaid, Refused> = Ok(RoleSaid::Nothing);
    const ADMIN: Result<RoleSaid, Refused> = Ok(RoleSaid::Is(Role::ProxyAdmin));

    fn ada() -> Identity {
        Identity {
            issuer: "https://idp.example".into(),
            subject: "ada".into(),
            email: Some("ada@acme.example".into()),
            verified: true,
            name: None,
            groups: None,
            role: None,
            tenant: None,
            claims: Map::new(),
        }
    }

    #[test]
    fn an_address_counts_only_when_it_is_vouched_for_and_of_exactly_that_domain() {
        let policy =
            SigninPolicy { email_domains: vec!["acme.example".into()], ..Default::default() };
        assert_eq!(policy.admit(&ada(), &[]), NOTHING);
        let upper = Identity { email: Some("ada@ACME.example".into()), ..ada() };
        assert_eq!(policy.admit(&upper, &[]), NOTHING, "K06");
        let doubtful = Identity { verified: false, ..ada() };
        assert_eq!(policy.admit(&doubtful, &[]), Err(Refused::Domain));
        for email in ["ada@sub.acme.example", "ada@evilacme.example", "a@evil.example@acme.example"]
        {
            let other = Identity { email: Some(email.into()), ..ada() };
            assert_eq!(policy.admit(&other, &[]), Err(Refused::Domain), "{email}");
        }
    }

    #[test]
    fn unknown_groups_refuse_only_where_a_group_is_required() {
        let policy =
            SigninPolicy { required_groups: vec!["staff".into()], ..SigninPolicy::default() };
        assert_eq!(policy.admit(&ada(), &[]), Err(Refused::GroupsUnknown));
        let in_groups = |groups: &[&str]| Identity {
            groups: Some(groups.iter().map(|&g| g.to_owned()).collect()),
            ..ada()
        };
        assert_eq!(policy.admit(&in_groups(&["guests"]), &[]), Err(Refused::Group));
        assert_eq!(policy.admit(&in_groups(&["staff"]), &[]), NOTHING);
        assert_eq!(SigninPolicy::default().admit(&ada(), &[]), NOTHING);
    }

    #[test]
    fn an_admin_is_named_by_subject_or_group_and_never_by_address() {
        let by =
            |id: &str| SigninPolicy { admin_subject: Some(id.into()), ..SigninPolicy::default() };
        assert_eq!(by("ada").admit(&ada(), &[]), ADMIN);
        assert_eq!(by("ada@acme.example").admit(&ada(), &[]), NOTHING);
        let policy = SigninPolicy { admin_groups: vec!["ops".into()], ..SigninPolicy::default() };
        assert_eq!(
            policy.admit(&ada(), &[]),
            Ok(RoleSaid::Unknown(None)),
            "unknown groups demote nobody"
        );
        let ops = Identity { groups: Some(vec!["ops".into()]), ..ada() };
        assert_eq!(policy.admit(&ops, &[]), Ok(RoleSaid::AdminByGroup));
    }

    #[test]
    fn u8_a_tenant_is_one_of_those_listed_or_nobody_comes_in() {
        let policy = SigninPolicy::default();
        let of = |tenant: Option<&str>| {
            let who = Identity { tenant: tenant.map(str::to_owned), ..ada() };
            policy.admit(&who, &["Acme.example".to_owned()])
        };
        assert_eq!(of(Some("acme.example")), NOTHING);
        for other in [None, Some(""), Some("sub.acme.example"), Some("acme.example.evil")] {
            assert_eq!(of(other), Err(Refused::Tenant), "{other:?}");
        }
    }

    #[test]
    fn k03_whoever_sends_no_address_is_told_which_claims_came() {
        let policy =
            SigninPolicy { email_domains: vec!["acme.example".into()], ..Default::default() };
        let mut who = Identity { email: None, ..ada() };
        for name in ["sub", "preferred_username", "<b>", "x".repeat(80).as_str()] {
            who.claims.insert(name.into(), "ada@acme.example".into());
        }
        let refused = policy.admit(&who, &[]).unwrap_err();
        assert_eq!(refused, Refused::NoEmail("preferred_username, sub".into()));
    }
}
