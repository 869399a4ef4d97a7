"""Results for other programs: JSON with everything, CSV with one row for each B-scan.

`app.results.encapsulated` puts the report into DICOM for an archive; it names the patient, as the
images beside it do. It is imported by itself because it needs pydicom.

JSON and CSV are pseudonymised unless `identity=True`: they then hold neither the patient's name,
number, sex and birth date nor any file name, which may contain them; files are numbered instead.
What stays, because a clinic must be able to find the study again, are the UIDs and the day of the
visit: pseudonymous is not anonymous.
"""

from app.results.record import FORMAT, write_json
from app.results.table import write_csv

__all__ = ["FORMAT", "write_csv", "write_json"]
