"""Pack: what an auditor gets of a signed month: the close as files, a page, a workbook and the journal's lines."""
