-- How long the bytes of an org's goals are kept, such as 90d or forever; NULL is as the lab says.
ALTER TABLE orgs ADD COLUMN retention TEXT;
