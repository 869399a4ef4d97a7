# Freeze the program on Windows and make its setup: dist\kd-oct-VERSION-windows-setup.exe.
# Needs Python 3.11 or later and NSIS 3 (makensis on the PATH). Not tried: see installers\README.md.
#
#   KD_OCT_SIGN   a command that signs the file named after it, for example
#                 signtool sign /fd SHA256 /tr http://TIMESTAMP /td SHA256 /sha1 THUMBPRINT
#
# Without it nothing is signed, and Windows warns whoever starts the setup.
$ErrorActionPreference = "Stop"
$PSNativeCommandUseErrorActionPreference = $true
Set-Location (Join-Path $PSScriptRoot "..\..")

python -m venv .venv-bundle
$python = ".venv-bundle\Scripts\python.exe"
& $python -m pip install --quiet --editable ".[bundle]"
if ($LASTEXITCODE) { throw "The libraries could not be installed." }
& $python installers\freeze.py
if ($LASTEXITCODE) { throw "The program could not be frozen." }
& $python installers\weigh.py dist\kd-oct
if ($LASTEXITCODE) { throw "The frozen program is too large." }

$version = & $python -c "from app import __version__; print(__version__)"
$numbers = (([regex]::Matches($version, "\d+") | Select-Object -First 3).Value -join ".") + ".0"
$out = Join-Path (Get-Location) "dist\kd-oct-$version-windows-setup.exe"
$options = @("-V2", "-WX", "-DVERSION=$version", "-DNUMBERS=$numbers", "-DOUT=$out",
    "-DBUNDLE=$(Join-Path (Get-Location) 'dist\kd-oct')")
if ($env:KD_OCT_SIGN) {
    foreach ($program in "kd-oct.exe", "kd-oct-cli.exe") {
        cmd /c "$env:KD_OCT_SIGN dist\kd-oct\$program"
        if ($LASTEXITCODE) { throw "$program could not be signed." }
    }
    $options += "-DSIGN=$env:KD_OCT_SIGN"
} else {
    Write-Output "Not signed: KD_OCT_SIGN names no command."
}
makensis @options installers\windows\kd-oct.nsi
if ($LASTEXITCODE) { throw "The setup could not be made." }
Write-Output $out
