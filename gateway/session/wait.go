package session

import (
	"encoding/base64"
	"strings"
)

// What stands on the screen before the page can be shown, in the words of the page.
var waiting = []struct{ tag, dir, moment, desk string }{
	{"en", "ltr", "One moment", "Please go to the desk. They will check you in."},
	{"es", "ltr", "Un momento", "Pase a la recepción, por favor. Allí registrarán su llegada."},
	{"zh-Hans", "ltr", "请稍候", "请到服务台，工作人员会帮您报到。"},
	{"vi", "ltr", "Xin chờ một chút", "Xin đến quầy tiếp đón. Nhân viên sẽ làm thủ tục cho quý vị."},
	{"ar", "rtl", "لحظة من فضلك", "يُرجى التوجّه إلى مكتب الاستقبال. سيسجّلون وصولك هناك."},
}

// waitPage is a page that fetches nothing. toDesk sends people to the desk; else it
// asks for a moment.
func waitPage(toDesk bool) string {
	var b strings.Builder
	b.WriteString(`<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"><title>clinicgate</title>` +
		`<style>html{background:#fff;color:#12323a;font:500 clamp(22px,3.4vmin,44px)/1.35 system-ui,"Noto Sans","Noto Sans CJK SC","Noto Sans Arabic",sans-serif;cursor:none}` +
		`body{margin:0;min-height:100vh;display:flex;flex-direction:column;justify-content:space-evenly;text-align:center;padding:0 6vmin;box-sizing:border-box}p{margin:0}</style><main>`)
	for _, w := range waiting {
		text := w.moment
		if toDesk {
			text = w.desk
		}
		b.WriteString(`<p lang="` + w.tag + `" dir="` + w.dir + `">` + text + "</p>")
	}
	b.WriteString("</main></html>")
	return b.String()
}

// waitAddress is the page as an address that holds all of it: there is nobody to
// fetch it from.
func waitAddress(toDesk bool) string {
	return "data:text/html;charset=utf-8;base64," + base64.StdEncoding.EncodeToString([]byte(waitPage(toDesk)))
}
