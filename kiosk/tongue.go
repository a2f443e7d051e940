package kiosk

// Tongue is a language that a patient may ask an interpreter for.
type Tongue struct {
	Tag     string // BCP 47
	Name    string // its own, as who speaks it reads it
	English string
	RTL     bool
}

// Tongues lists 35 languages, those most asked for at clinics of the United
// States first. Whoever speaks none of them asks for SignLanguage or
// OtherLanguage.
func Tongues() []Tongue {
	return []Tongue{
		{"es", "Español", "Spanish", false},
		{"zh", "普通话 · 國語", "Mandarin", false},
		{"yue", "廣東話", "Cantonese", false},
		{"vi", "Tiếng Việt", "Vietnamese", false},
		{"ar", "العربية", "Arabic", true},
		{"tl", "Tagalog", "Tagalog", false},
		{"ko", "한국어", "Korean", false},
		{"ru", "Русский", "Russian", false},
		{"ht", "Kreyòl ayisyen", "Haitian Creole", false},
		{"fr", "Français", "French", false},
		{"pt", "Português", "Portuguese", false},
		{"uk", "Українська", "Ukrainian", false},
		{"pl", "Polski", "Polish", false},
		{"ja", "日本語", "Japanese", false},
		{"fa", "فارسی", "Persian", true},
		{"prs", "دری", "Dari", true},
		{"ps", "پښتو", "Pashto", true},
		{"ur", "اردو", "Urdu", true},
		{"hi", "हिन्दी", "Hindi", false},
		{"bn", "বাংলা", "Bengali", false},
		{"gu", "ગુજરાતી", "Gujarati", false},
		{"pa", "ਪੰਜਾਬੀ", "Punjabi", false},
		{"ta", "தமிழ்", "Tamil", false},
		{"te", "తెలుగు", "Telugu", false},
		{"ne", "नेपाली", "Nepali", false},
		{"km", "ខ្មែរ", "Khmer", false},
		{"lo", "ລາວ", "Lao", false},
		{"th", "ไทย", "Thai", false},
		{"my", "မြန်မာ", "Burmese", false},
		{"hmn", "Hmoob", "Hmong", false},
		{"am", "አማርኛ", "Amharic", false},
		{"ti", "ትግርኛ", "Tigrinya", false},
		{"so", "Soomaali", "Somali", false},
		{"sw", "Kiswahili", "Swahili", false},
		{"hy", "Հայերեն", "Armenian", false},
	}
}

// What is asked for in place of a tongue's tag.
const (
	SignLanguage  = "sign"
	OtherLanguage = "other"
)
