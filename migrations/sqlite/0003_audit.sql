-- Whom a line of the audit concerns, where its subject is a key or a team; which rule a team is for.
ALTER TABLE audit ADD COLUMN user_id TEXT;
UPDATE audit SET user_id = subject
    WHERE action LIKE 'user.%' OR action IN ('signin', 'signin.refused', 'signout', 'signout.everywhere');
CREATE INDEX audit_by_user ON audit (user_id, at, id);

ALTER TABLE teams ADD COLUMN rule TEXT;
UPDATE teams SET rule = alias WHERE id IN (SELECT team_id FROM members WHERE source = 'group');
CREATE UNIQUE INDEX teams_by_rule ON teams (rule);
