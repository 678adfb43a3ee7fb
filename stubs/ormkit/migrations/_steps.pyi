"""Operations of revisions. Nothing here is for others."""
