# What Wine cannot show of the MSI, on a real Windows 11 IoT machine, in about 15
# minutes: service account, access lists, delayed start, recovery, Event Log, DPAPI,
# Edge's policies and the kiosk's screen, reboot, upgrade and removal. NOBODY HAS RUN
# IT YET.
#
#   powershell -ExecutionPolicy Bypass -File acceptance.ps1 -Old old.msi -New new.msi
#   (it asks for one reboot; run it again with -AfterReboot afterwards)
#
# Take a machine without a clinicgate: at the end it deletes C:\ProgramData\clinicgate.
# It needs an administrator's prompt. Each line says PASS or FAIL; the last one counts.
param(
    [Parameter(Mandatory = $true)][string]$Old,
    [Parameter(Mandatory = $true)][string]$New,
    [switch]$AfterReboot
)
$ErrorActionPreference = 'Stop'
$program = 'C:\Program Files\clinicgate\clinicgate.exe'
$data = 'C:\ProgramData\clinicgate'
$config = "$data\config.toml"
$script:failed = 0

function Check([string]$what, [scriptblock]$test) {
    $why = ''
    try { $ok = [bool](& $test) } catch { $ok = $false; $why = ": $_" }
    if ($ok) { Write-Host "PASS $what" } else { Write-Host "FAIL $what$why"; $script:failed++ }
}
function Msi([string[]]$words) {
    $p = Start-Process msiexec.exe -ArgumentList ($words + '/qn') -Wait -PassThru
    if ($p.ExitCode -notin 0, 3010) { throw "msiexec $words ended with $($p.ExitCode)" }
}
function Gate {
    $out = & $program @args 2>&1 | Out-String
    if ($LASTEXITCODE -ne 0) { throw "clinicgate $args ended with ${LASTEXITCODE}: $out" }
    $out
}
function Service { Get-CimInstance Win32_Service -Filter "Name='clinicgate'" }
function Until([int]$seconds, [scriptblock]$test) {
    $end = (Get-Date).AddSeconds($seconds)
    while ((Get-Date) -lt $end) {
        try { if (& $test) { return $true } } catch { }
        Start-Sleep -Milliseconds 500
    }
    $false
}
function Running([int]$seconds = 60) { Until $seconds { (Service).State -eq 'Running' } }

if (-not $AfterReboot) {
    # Install
    Msi '/i', "`"$Old`"", '/l*v', "$env:TEMP\clinicgate-install.log", 'START=0'
    Check 'the service is there and does not run (START=0)' { (Service).State -eq 'Stopped' }
    Check 'it runs as its virtual account' { (Service).StartName -eq 'NT SERVICE\clinicgate' }
    Check 'it starts delayed with the system' { (Service).StartMode -eq 'Auto' -and (Get-ItemProperty HKLM:\SYSTEM\CurrentControlSet\Services\clinicgate).DelayedAutostart -eq 1 }
    Check 'it is started again after 1, 5 and 60 s' { $f = sc.exe qfailure clinicgate | Out-String; ($f -split 'RESTART').Count -ge 4 -and $f -match '86400' }
    Check 'an error exit counts as a failure' { (sc.exe qfailureflag clinicgate | Out-String) -match 'TRUE' }
    Check 'the Event Log has its source' { Test-Path HKLM:\SYSTEM\CurrentControlSet\Services\EventLog\Application\clinicgate }
    Check 'the program folder cannot be written by users' {
        -not ((Get-Acl (Split-Path $program)).Access | Where-Object { "$($_.IdentityReference)" -match 'Users|Everyone' -and "$($_.FileSystemRights)" -match 'Write|Modify|FullControl' })
    }

    # Set up
    Gate config init --set kiosk.id=lobby-1 --set kiosk.letter=A --set kiosk.site=main --set kiosk.organization=riverside --set kiosk.zone=America/New_York --set pubnub.publish_key=demo --set pubnub.subscribe_key=demo --set key_source.kind=dpapi | Out-Null
    Add-Content -Encoding ascii $config "`n[[department]]`nid = `"cardiology`"`nname = { en = `"Cardiology`" }`nwhere = { en = `"Area A`" }`n"
    Check 'the keyring is sealed by DPAPI' { (Gate keys init) -match 'dpapi' }
    Gate service install | Out-Null
    Check 'only system, administrators and the service reach settings and data' {
        $acl = Get-Acl $data
        $acl.AreAccessRulesProtected -and -not ($acl.Access | Where-Object { "$($_.IdentityReference)" -notmatch 'SYSTEM|Administrators|clinicgate' })
    }
    Gate service start | Out-Null
    Check 'it runs' { Running }
    Check 'it answers' { (Gate status) -match 'lobby-1' }
    Check 'the page is served' { Until 30 { (Invoke-WebRequest -UseBasicParsing ((Gate launch --json | ConvertFrom-Json).data.url)).StatusCode -eq 200 } }
    Check 'the Event Log has what it says' { @(Get-WinEvent -FilterHashtable @{ LogName = 'Application'; ProviderName = 'clinicgate' } -MaxEvents 1).Count -eq 1 }

    # Kill: the manager starts it again, three times over
    foreach ($n in 1..3) {
        $before = (Service).ProcessId
        Stop-Process -Id $before -Force
        Check "killed $n times, it is back" { Until 90 { $s = Service; $s.State -eq 'Running' -and $s.ProcessId -ne $before -and $s.ProcessId -ne 0 } }
    }
    Check 'it stops within 5 s' { (Measure-Command { Gate service stop }).TotalSeconds -lt 5 }
    Gate service start | Out-Null
    Check 'it runs again' { Running }

    # A file that somebody holds (antivirus) does not stop it
    $held = [IO.File]::Open($config, 'Open', 'Read', 'Read')
    Check 'it restarts while its config is held open' { Gate service restart | Out-Null; Running }
    $held.Close()

    # The kiosk's screen: what is written. That Windows obeys it is for the eye, below.
    Gate kiosk-session install --account kiosk | Out-Null
    Check 'Edge is kept to the page, and the camera to it' {
        $edge = 'HKLM:\SOFTWARE\Policies\Microsoft\Edge'
        (Get-ItemProperty "$edge\URLBlocklist").'1' -eq '*' -and (Get-ItemProperty "$edge\URLAllowlist").'1' -eq 'http://127.0.0.1:8470' -and
        (Get-ItemProperty $edge).VideoCaptureAllowed -eq 0 -and (Get-ItemProperty "$edge\VideoCaptureAllowedUrls").'1' -eq 'http://127.0.0.1:8470'
    }
    Check 'no program of it is dumped' { -not (Test-Path 'HKLM:\SOFTWARE\Microsoft\Windows\Windows Error Reporting\LocalDumps') }
    Check 'a second install has nothing to do' { (Gate kiosk-session install --account kiosk) -match 'nothing to do' }
    Check 'Shell Launcher is given the session as the shell' {
        $shell = ([xml](Get-Content "$data\kiosk-shell.xml")).ShellLauncherConfiguration
        $shell.Profiles.Profile.Shell.Shell -eq "`"$program`" kiosk-session" -and $shell.Configs.Config.Account.Name -eq 'kiosk'
    }
    Check 'this Windows has Shell Launcher' { $null -ne (Get-WindowsOptionalFeature -Online -FeatureName Client-EmbeddedShellLauncher) }

    # Upgrade
    $settings = (Get-FileHash $config).Hash
    $kiosk = (Gate keys list --json | ConvertFrom-Json).data.public
    Msi '/i', "`"$New`"", '/l*v', "$env:TEMP\clinicgate-upgrade.log"
    Check 'upgraded, it runs' { Running }
    Check 'settings are the same' { (Get-FileHash $config).Hash -eq $settings }
    Check 'the identity is the same' { (Gate keys list --json | ConvertFrom-Json).data.public -eq $kiosk }
    Check 'account, delay and recovery are set' { (Service).StartName -eq 'NT SERVICE\clinicgate' -and (Get-ItemProperty HKLM:\SYSTEM\CurrentControlSet\Services\clinicgate).DelayedAutostart -eq 1 -and (sc.exe qfailureflag clinicgate | Out-String) -match 'TRUE' }
    Check 'one entry in the list of programs' { @(Get-ItemProperty HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\* | Where-Object DisplayName -eq 'clinicgate').Count -eq 1 }
    Check 'an older one is refused' { try { Msi '/i', "`"$Old`""; $false } catch { $true } }
    Write-Host @'
By eye, before the second part, with an account "kiosk" set up as operator/kiosk-session.md says:
  sign in as it: the page is on the screen, without bars or the Explorer
  Alt+F4, Ctrl+T, Ctrl+L, F12, Win: nothing opens; end msedge.exe from another account: the page is back within 15 s
  restart Windows with automatic sign-in: the page is back without a hand; the camera opens in the page without a question
  with kiosk_session.board: the board is on the second display
'@
    Write-Host "$script:failed failed so far. Restart Windows, do not log in for 5 minutes, then run this again with -AfterReboot."
    exit $script:failed
}

# After the reboot
Check 'it started by itself' { Running 300 }
Check 'it started before anybody logged in, or without them' { (Get-Process -Id (Service).ProcessId).SessionId -eq 0 }
Check 'the store is sound' { Gate audit verify | Out-Null; $true }
Gate kiosk-session uninstall | Out-Null
Check 'the policies are gone' { $null -eq (Get-ItemProperty HKLM:\SOFTWARE\Policies\Microsoft\Edge -ErrorAction SilentlyContinue).VideoCaptureAllowed -and -not (Test-Path HKLM:\SOFTWARE\Policies\Microsoft\Edge\URLBlocklist) }
Check 'a second uninstall has nothing to do' { (Gate kiosk-session uninstall) -match 'nothing to do' }
Msi '/x', "`"$New`""
Check 'removed, the service is gone' { $null -eq (Service) }
Check 'the program is gone' { -not (Test-Path $program) }
Check 'the Event Log source is gone' { -not (Test-Path HKLM:\SYSTEM\CurrentControlSet\Services\EventLog\Application\clinicgate) }
Check 'settings and data stayed' { (Test-Path $config) -and (Test-Path "$data\data\keyring.a") }
Remove-Item -Recurse -Force $data
Write-Host "$script:failed failed"
exit $script:failed
