<#
.SYNOPSIS
Tries an unpacked lxss on this Windows, as far as that needs no Linux: the host interface, import, programs, streams, names, export.

.DESCRIPTION
Keeps everything in a folder of its own, which it removes at the end, and leaves the user's instances alone. Ends with code 0 when all
checks pass. These checks are those of tests/nt/launcher, which passes under Wine.

.PARAMETER Archive
A tar archive of a Linux tree with /bin/sh, cat and coreutils, such as scripts/bootstrap-debian makes (.tar, .tar.gz, .tar.zst).

.PARAMETER Programs
The unpacked zip, or an installation.
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)][string]$Archive,
    [string]$Programs = $PSScriptRoot
)
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version 2.0

$work = Join-Path ([IO.Path]::GetTempPath()) ('lxss-test-' + [Guid]::NewGuid().ToString('N'))
New-Item -ItemType Directory -Path $work | Out-Null
$env:LXSS_HOME = Join-Path $work 'home'
$lxss = Join-Path $Programs 'bin\lxss.exe'
$script:failures = 0

function Write-Check([string]$name, [bool]$passed, [string]$detail) {
    if ($passed) { Write-Output "ok $name"; return }
    Write-Output "FAIL $name $detail"
    $script:failures++
}

# Starts lxss.exe by way of cmd, whose redirections are byte for byte.
function Invoke-Lxss([string]$words) {
    cmd.exe /d /s /c "`"`"$lxss`" $words >`"$work\out`" 2>`"$work\err`" <NUL`""
    return $LASTEXITCODE
}
function Test-Exit([string]$name, [int]$wanted, [string]$words) {
    $code = Invoke-Lxss $words
    Write-Check $name ($code -eq $wanted) "exit code $code instead of ${wanted}: $(Get-Content -LiteralPath "$work\err" -TotalCount 3)"
}
function Test-Output([string]$name, [string]$wanted) {
    $text = ([IO.File]::ReadAllText("$work\out") -replace "`r", '').TrimEnd("`n")
    Write-Check $name ($text -ceq $wanted) "printed: $text"
}

try {
    $interface = Join-Path $Programs 'libexec\test\lxhost_test.exe'
    if (Test-Path -LiteralPath $interface) {
        New-Item -ItemType Directory -Path "$work\host" | Out-Null
        & $interface "$work\host"
        Write-Check 'host-interface' ($LASTEXITCODE -eq 0) "exit code $LASTEXITCODE"
    }
    Test-Exit 'version' 0 '--version'
    Test-Exit 'import' 0 "--import box `"$work\box`" `"$Archive`""
    Test-Exit 'exit-code' 7 '-d box -e /bin/sh -c "exit 7"'
    Test-Exit 'signal' 143 '-d box -e /bin/sh -c "kill -TERM $$"'
    Test-Exit 'pipes' 0 '-d box -e /bin/sh -c "echo one; echo two | cat; (echo three)"'
    Test-Output 'pipes.output' "one`ntwo`nthree"

    # Everything that a text mode would change, and more than any buffer holds.
    $bytes = New-Object byte[] 3000000
    (New-Object Random 1).NextBytes($bytes)
    [Array]::Copy([byte[]](97, 13, 10, 98, 10, 26, 0, 255), $bytes, 8)
    [IO.File]::WriteAllBytes("$work\bytes", $bytes)
    cmd.exe /d /s /c "`"type `"$work\bytes`" | `"$lxss`" -d box -e /bin/cat >`"$work\copy`"`""
    $left = (Get-FileHash -LiteralPath "$work\bytes").Hash
    $right = (Get-FileHash -LiteralPath "$work\copy").Hash
    Write-Check 'bytes' ($left -eq $right) 'the copy differs'

    Test-Exit 'names' 0 '-d box -e /bin/sh -c "cd /tmp; echo 1 >Makefile; echo 2 >makefile; cat Makefile makefile; echo *"'
    Test-Output 'names.output' "1`n2`nMakefile makefile"
    Test-Exit 'export' 0 "--export box `"$work\copy.tar`""
    Test-Exit 'terminate' 0 '--terminate box'
    Test-Exit 'restart' 0 '-d box -e /bin/cat /tmp/Makefile /tmp/makefile'
    Test-Output 'restart.output' "1`n2"
    Test-Exit 'unregister' 0 '--unregister box'
    Test-Exit 'shutdown' 0 '--shutdown'
}
finally {
    Remove-Item -LiteralPath $work -Recurse -Force -ErrorAction SilentlyContinue
}
if ($script:failures -ne 0) { Write-Output "$script:failures failed"; exit 1 }
Write-Output 'all passed'
