"""The national settlement list as a message (4101, 4101A 医疗保障基金结算清单信息上传) in JSON.

``reading`` makes a canonical claim of it, ``writing`` the message of a claim; ``fields``
says which field is which. The names were compared with public implementations of the
interface, not with the official publication: ``unverified``. docs/hl7.md has the tables.
"""
